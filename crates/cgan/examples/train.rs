//! A conditional GAN on images made up here, from nothing but this crate: two classes, dark and bright, and a picture of
//! each in the end. `cargo run --release -p cgan --example train-cgan`

use cgan::gan_core::data::Synthetic;
use cgan::gan_core::device::DevicePolicy;
use cgan::gan_core::error::Result;
use cgan::gan_core::trainer::{Identity, RunDir, TrainConfig, Trainer};
use cgan::gan_core::variant::{GenerateOptions, ImageGan, Weights};
use cgan::{Cgan, Config};
use tch::{Kind, Tensor};

fn main() -> Result<()> {
    let policy = DevicePolicy::resolve("auto", "auto", 0)?;
    policy.apply();
    let classes = ["first", "second"].map(str::to_owned).to_vec();
    let config = Config { size: 16, channels: 3, classes, batch: 32, ..Config::default() };
    let mut data = Synthetic::new([32, 3, 16, 16], 2, 1, policy.device);
    let mut gan = Cgan::new(config.clone(), &policy, 1)?;

    let run = RunDir::create(&std::env::temp_dir().join(format!("cgan-{}", std::process::id())), "")?;
    let train = TrainConfig { images: 3_200, evaluate_images: 0, ..TrainConfig::default() };
    let trainer = Trainer::new(train, policy, run, Identity::of(&gan, &config)?)?;
    trainer.run(&mut gan, &mut data)?;

    let generator = gan.generator(Weights::Averaged);
    let z = Tensor::randn([2, 100], (Kind::Float, policy.device));
    let labels = Tensor::from_slice(&[0i64, 1]).to_device(policy.device);
    let images = generator.generate(&z, Some(&labels), &GenerateOptions::default())?;
    for (name, image) in generator.class_names().iter().zip(images.unbind(0)) {
        println!("{name}: {:?}, mean {:.3}", image.size(), image.mean(Kind::Float).double_value(&[]));
    }
    Ok(())
}
