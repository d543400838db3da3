//! What is fetched in one go, and may hold several named sets.

use super::packages::Request;
use super::{NETWORK, digits, emoji, fashion, mobilenet, openmoji, photos};
use crate::error::Result;
use std::path::Path;

/// Files that are fetched together and kept in one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bundle {
    Fashion,
    Digits,
    Emoji,
    OpenMoji,
    Photos,
    MobileNet,
}

impl Bundle {
    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fashion => "fashion-mnist",
            Self::Digits => "mnist-digits",
            Self::Emoji => "emoji",
            Self::OpenMoji => "openmoji",
            Self::Photos => "photos",
            Self::MobileNet => NETWORK,
        }
    }

    /// Files or folders in its folder.
    fn parts(self) -> &'static [&'static str] {
        match self {
            Self::Fashion => &fashion::FILES,
            Self::Digits => &digits::FILES,
            Self::Emoji => &emoji::FOLDERS,
            Self::OpenMoji => &openmoji::FOLDERS,
            Self::Photos => &photos::FOLDERS,
            Self::MobileNet => &[mobilenet::FILE],
        }
    }

    /// Whether all of it is in `folder`. A folder comes into place as a whole, so what is there is complete.
    pub fn is_whole(self, folder: &Path) -> bool {
        self.parts().iter().all(|part| folder.join(part).exists())
    }

    /// What to do where fetching fails, as the end of a sentence.
    pub fn by_hand(self) -> &'static str {
        match self {
            Self::Fashion => fashion::BY_HAND,
            Self::Digits => digits::BY_HAND,
            Self::Emoji => emoji::BY_HAND,
            Self::OpenMoji => openmoji::BY_HAND,
            Self::Photos => photos::BY_HAND,
            Self::MobileNet => mobilenet::BY_HAND,
        }
    }

    /// Who made it, and under which licence; it lies beside what is fetched.
    pub fn notice(self) -> &'static str {
        match self {
            Self::Fashion => fashion::NOTICE,
            Self::Digits => digits::NOTICE,
            Self::Emoji => emoji::NOTICE,
            Self::OpenMoji => openmoji::NOTICE,
            Self::Photos => photos::NOTICE,
            Self::MobileNet => mobilenet::NOTICE,
        }
    }

    /// Puts it into `ready`, from `from` or from a package.
    ///
    /// # Errors
    /// The tools or the network are missing; the files are not what they should be.
    pub fn gather(self, request: &Request, from: Option<&Path>, ready: &Path) -> Result<()> {
        match self {
            Self::Fashion => fashion::gather(request, from, ready),
            Self::Digits => digits::gather(request, from, ready),
            Self::Emoji => emoji::gather(request, from, ready),
            Self::OpenMoji => openmoji::gather(request, from, ready),
            Self::Photos => photos::gather(request, from, ready),
            Self::MobileNet => mobilenet::gather(request, from, ready),
        }
    }
}
