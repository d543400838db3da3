//! A BigGAN on images made up here, from nothing but this crate: two classes, and a picture of each in the end, with and
//! without truncation. `cargo run --release -p biggan --example train-biggan`

use biggan::gan_core::data::Synthetic;
use biggan::gan_core::device::DevicePolicy;
use biggan::gan_core::error::Result;
use biggan::gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use biggan::gan_core::variant::{GenerateOptions, ImageGan, Weights};
use biggan::{BigGan, Config};
use tch::{Kind, Tensor};

fn main() -> Result<()> {
    let policy = DevicePolicy::resolve("auto", "auto", 0)?;
    policy.apply();
    let classes = ["first", "second"].map(str::to_owned).to_vec();
    let config =
        Config { classes, generator_width: 4, discriminator_width: 4, batch: 16, ..Config::default() };
    let mut data = Synthetic::new([16, 3, 32, 32], 2, 1, policy.device);
    let mut gan = BigGan::new(config.clone(), &policy, 1)?;

    let run = RunDir::create(&std::env::temp_dir().join(format!("biggan-{}", std::process::id())), "")?;
    let train = TrainConfig { images: 1_600, evaluate_images: 0, ..TrainConfig::default() };
    let trainer = Trainer::new(train, policy, run, Identity::of(&gan, &config)?)?;
    trainer.run(&mut gan, &mut data)?;

    let generator = gan.generator(Weights::Averaged);
    let z = Tensor::randn([2, 128], (Kind::Float, policy.device));
    let labels = Tensor::from_slice(&[0i64, 1]).to_device(policy.device);
    for truncation in [None, Some(0.5)] {
        let options = GenerateOptions { truncation, ..GenerateOptions::default() };
        let images = generator.generate(&z, Some(&labels), &options)?;
        for (name, image) in generator.class_names().iter().zip(images.unbind(0)) {
            let mean = image.mean(Kind::Float).double_value(&[]);
            println!("{name}, truncation {truncation:?}: {:?}, mean {mean:.3}", image.size());
        }
    }
    Ok(())
}
