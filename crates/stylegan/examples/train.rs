//! A StyleGAN2 on images made up here, from nothing but this crate, and pictures of it with and without truncation.
//! `cargo run --release -p stylegan --example train-stylegan`

use stylegan::gan_core::data::Synthetic;
use stylegan::gan_core::device::DevicePolicy;
use stylegan::gan_core::error::Result;
use stylegan::gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use stylegan::gan_core::variant::{GenerateOptions, ImageGan, Weights};
use stylegan::{Config, StyleGan};
use tch::{Kind, Tensor};

fn main() -> Result<()> {
    let policy = DevicePolicy::resolve("auto", "auto", 0)?;
    policy.apply();
    let config = Config { size: 16, channel_base: 256, batch: 16, ..Config::preset("small-32")? };
    let mut data = Synthetic::new([16, 1, 16, 16], 0, 1, policy.device);
    let mut gan = StyleGan::new(config.clone(), &policy, 1)?;

    let run = RunDir::create(&std::env::temp_dir().join(format!("stylegan-{}", std::process::id())), "")?;
    let train = TrainConfig { images: 1_600, evaluate_images: 0, ..TrainConfig::default() };
    let trainer = Trainer::new(train, policy, run, Identity::of(&gan, &config)?)?;
    trainer.run(&mut gan, &mut data)?;

    let generator = gan.generator(Weights::Averaged);
    let z = Tensor::randn([4, config.latent], (Kind::Float, policy.device));
    for truncation in [None, Some(0.5)] {
        let options = GenerateOptions { truncation, ..GenerateOptions::default() };
        let images = generator.generate(&z, None, &options)?;
        let mean = images.mean(Kind::Float).double_value(&[]);
        println!("truncation {truncation:?}: {:?}, mean {mean:.3}", images.size());
    }
    Ok(())
}
