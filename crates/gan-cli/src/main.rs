//! The `gan` command; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    gan_cli::main()
}
