//! What only the whole can show: the real `gan` command, its run folders, and resuming after a kill.

mod resume;
mod run_folder;
mod support;
