//! The one place where variants are listed. A new variant crate needs one entry in the list below (and
//! one line in this crate's Cargo.toml); everything else in this crate works through it.
//!
//! A variant is a `generator` (of images from noise) or a `translator` (of images). Its `Config` is serde data with the fields
//! `size`, `channels` (of what is made; the entry names the field) and `batch` (which `--size`, `--channels` and `--batch` set), `PRESETS`, `preset(name)`, `train(preset)`, `validate()` and `warnings()`, and takes labels
//! (`gan_core::settings::TakeData`); the variant itself is made by `new(config, &policy, seed)`, and a generator's network by
//! `load_generator(&policy, &checkpoint, weights)`.

use crate::model::{Model, translates};
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::settings::{PairShape, TakeData};
use gan_core::trainer::{Checkpoint, TrainConfig};
use gan_core::variant::{Attribute, Generate, Weights};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A variant's generator from a checkpoint, where it is a kind that has one.
macro_rules! load_generator {
    (generator $word:literal $Gan:ty, $($given:ident),+) => { Ok(Box::new(<$Gan>::load_generator($($given),+)?)) };
    (translator $word:literal $Gan:ty, $($given:ident),+) => {{
        let _ = ($($given),+);
        Err(translates($word))
    }};
}

macro_rules! variants {
    ($($(#[doc = $about:literal])+ $Name:ident { word: $word:literal, config: $Config:ty, $kind:ident: $Gan:ty, preset: $preset:literal, channels: $channels:ident })+) => {
        /// Which GAN.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
        pub enum VariantName {
            $($(#[doc = $about])+ #[serde(rename = $word)] #[value(name = $word)] $Name,)+
        }

        impl VariantName {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$Name),+];

            /// The word in commands, files and as the configuration's section.
            pub fn word(self) -> &'static str {
                match self { $(Self::$Name => $word),+ }
            }

            /// The preset that is used when none is named.
            pub fn default_preset(self) -> &'static str {
                match self { $(Self::$Name => $preset),+ }
            }

            /// How long a run of a preset is, and how often things happen in it.
            pub fn train(self, preset: &str) -> TrainConfig {
                match self { $(Self::$Name => <$Config>::train(preset)),+ }
            }

            /// The generator of a checkpoint, alone.
            ///
            /// # Errors
            /// A variant that translates images; as `load_generator` of the variants.
            pub fn load_generator(
                self,
                policy: &DevicePolicy,
                checkpoint: &Checkpoint,
                weights: Weights,
            ) -> Result<Box<dyn Generate>> {
                match self { $(Self::$Name => load_generator!($kind $word $Gan, policy, checkpoint, weights)),+ }
            }

            /// Whether it makes images from images.
            pub fn translates(self) -> bool {
                match self { $(Self::$Name => stringify!($kind) == "translator"),+ }
            }

            /// Names of the presets, each with what it is.
            pub fn presets(self) -> &'static [(&'static str, &'static str)] {
                match self { $(Self::$Name => <$Config>::PRESETS),+ }
            }
        }

        /// A variant's own settings.
        #[derive(Debug, Clone, PartialEq)]
        pub enum VariantConfig {
            $(#[doc = concat!("Of `", $word, "`.")] $Name($Config),)+
        }

        impl VariantConfig {
            /// A preset's settings.
            ///
            /// # Errors
            /// A preset that the variant does not have.
            pub fn preset(variant: VariantName, preset: &str) -> Result<Self> {
                Ok(match variant { $(VariantName::$Name => Self::$Name(<$Config>::preset(preset)?)),+ })
            }

            /// Reads the variant's section of a configuration.
            ///
            /// # Errors
            /// A key or value that does not fit, with its path.
            pub fn read(variant: VariantName, section: &Value) -> Result<Self> {
                Ok(match variant {
                    $(VariantName::$Name => Self::$Name(super::config::read_section($word, section)?)),+
                })
            }

            /// The section that [`VariantConfig::read`] reads.
            pub fn section(&self) -> Value {
                match self { $(Self::$Name(config) => serde_json::to_value(config)),+ }
                    .expect("a configuration is plain data")
            }

            /// Which variant's.
            pub fn variant(&self) -> VariantName {
                match self { $(Self::$Name(_) => VariantName::$Name),+ }
            }

            /// # Errors
            /// The first setting that cannot work, with what would.
            pub fn validate(&self) -> Result<()> {
                match self { $(Self::$Name(config) => Ok(config.validate()?)),+ }
            }

            /// What may work but probably is not meant, one sentence each.
            pub fn warnings(&self) -> Vec<String> {
                match self { $(Self::$Name(config) => config.warnings()),+ }
            }

            /// Takes over the classes and attributes of the data; variants without conditions do not care.
            ///
            /// # Errors
            /// Data without what the variant learns from, or with other classes than it was told.
            pub fn take_labels(&mut self, classes: &[String], attributes: &[Attribute]) -> Result<()> {
                match self { $(Self::$Name(config) => Ok(config.take_labels(classes, attributes)?)),+ }
            }

            /// Whether it is told classes.
            pub fn learns_classes(&self) -> bool {
                match self { $(Self::$Name(config) => config.learns_classes()),+ }
            }

            /// What pairs it learns from; `None` for a variant that makes images from noise.
            pub fn pairs(&self) -> Option<PairShape> {
                match self { $(Self::$Name(config) => config.pairs()),+ }
            }

            /// Takes over what pairs the data gives: channels of both sides, and how much larger the second is.
            pub fn take_pairs(&mut self, channels: [i64; 2], scale: i64) {
                match self { $(Self::$Name(config) => config.take_pairs(channels, scale)),+ }
            }

            /// Height of images, and width where they have none of their own.
            pub fn size(&self) -> i64 {
                match self { $(Self::$Name(config) => config.size),+ }
            }

            /// Height and width of images.
            pub fn image(&self) -> [i64; 2] {
                let width = match self { $(Self::$Name(config) => config.width()),+ };
                [self.size(), width.unwrap_or(self.size())]
            }

            /// Channels of the images that it makes.
            pub fn channels(&self) -> i64 {
                match self { $(Self::$Name(config) => config.$channels),+ }
            }

            /// Images in a batch.
            pub fn batch(&self) -> i64 {
                match self { $(Self::$Name(config) => config.batch),+ }
            }

            /// The GAN with first weights drawn from `seed`.
            ///
            /// # Errors
            /// A setting that cannot work; no memory.
            pub fn build(&self, policy: &DevicePolicy, seed: u64) -> Result<Model> {
                match self { $(Self::$Name(config) => Ok(Model::$kind(<$Gan>::new(config.clone(), policy, seed)?))),+ }
            }
        }
    };
}

variants! {
    /// BigGAN (Brock et al. 2019), SAGAN, SNGAN: noise and a class to images of 32 to 512 pixels
    Biggan { word: "biggan", config: biggan::Config, generator: biggan::BigGan, preset: "small-32", channels: channels }
    /// Conditional GAN (Mirza and Osindero 2014): noise and a class or attributes to images of up to 128 pixels
    Cgan { word: "cgan", config: cgan::Config, generator: cgan::Cgan, preset: "fashion-mnist-32", channels: channels }
    /// CycleGAN (Zhu et al. 2017): images of one domain to another and back, from unpaired examples
    Cyclegan { word: "cyclegan", config: cyclegan::Config, translator: cyclegan::CycleGan, preset: "emoji-64", channels: channels_b }
    /// Deep convolutional GAN (Radford, Metz and Chintala 2015): noise to images of 16 to 256 pixels
    Dcgan { word: "dcgan", config: dcgan::Config, generator: dcgan::Dcgan, preset: "fashion-mnist-32", channels: channels }
    /// pix2pix (Isola et al. 2017): images to images from pairs, or inpaint, superres, colorize, denoise, edges from any pictures
    Pix2pix { word: "pix2pix", config: pix2pix::Config, translator: pix2pix::Pix2Pix, preset: "small-64", channels: channels_b }
    /// StyleGAN2 (Karras et al. 2020): noise, and a class if wanted, to images of 8 to 1024 pixels by styles
    Stylegan { word: "stylegan", config: stylegan::Config, generator: stylegan::StyleGan, preset: "small-32", channels: channels }
    /// StyleGAN (Karras et al. 2019): noise to images of 8 to 4096 pixels by styles, growing from low resolutions to high ones
    Stylegan1 { word: "stylegan1", config: stylegan::progressive::Config, generator: stylegan::progressive::ProgressiveStyleGan, preset: "small-32", channels: channels }
    /// The original GAN (Goodfellow et al. 2014): noise to points in the plane or images of up to 64 pixels
    Vanilla { word: "vanilla", config: vanilla::Config, generator: vanilla::Vanilla, preset: "ring8", channels: channels }
}

impl VariantName {
    /// The variant of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|variant| variant.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_survives_its_section() {
        for &variant in VariantName::ALL {
            assert_eq!(VariantName::of(variant.word()), Some(variant));
            assert!(variant.presets().iter().any(|(name, _)| *name == variant.default_preset()));
            for (preset, _) in variant.presets() {
                let config = VariantConfig::preset(variant, preset).expect("preset");
                config.validate().expect("valid");
                assert_eq!(VariantConfig::read(variant, &config.section()).expect("read"), config);
            }
        }
    }
}
