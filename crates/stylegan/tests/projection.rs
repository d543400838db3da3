//! Pictures that a generator made itself are found again.

use gan_core::ema::EmaConfig;
use gan_core::error::Result;
use gan_core::random::Streams;
use gan_core::variant::Weights;
use gan_testkit::reference;
use stylegan::{Config, LayerNoise, Projection, ProjectionConfig, StyleGan};
use tch::{Device, Kind, Tensor, no_grad};

fn generator(noise: bool) -> StyleGan {
    // Threads that wait for each other make up most of the time of networks so small.
    tch::set_num_threads(1);
    let config = Config {
        size: 16,
        channels: 1,
        latent: 8,
        style: 8,
        channel_base: 64,
        channel_max: 8,
        batch: 4,
        noise,
        ema: EmaConfig::default(),
        ..Config::default()
    };
    StyleGan::new(config, &reference(), 1).expect("stylegan")
}

/// Searches for a picture of the generator's own; distances at first and at last, and the styles found.
fn search(gan: &StyleGan, config: ProjectionConfig) -> ([f64; 2], Tensor) {
    let network = gan.network(Weights::Averaged);
    let z = Streams::new(7, 0, 0, Device::Cpu).normal("target", &[1, 8]).expect("a latent");
    let target = no_grad(|| {
        let styles = network.for_all_layers(&network.mapping.styles(&z, None)?)?;
        network.forward(&styles, LayerNoise::Const)
    });
    let target = target.expect("a picture");
    let distance =
        |image: &Tensor| -> Result<Tensor> { Ok(image.f_sub(&target)?.f_square()?.f_mean(Kind::Float)?) };
    let mut projection = Projection::new(network, None, config).expect("a search");
    let now = |projection: &Projection| {
        distance(&projection.image().expect("a picture")).expect("a distance").double_value(&[])
    };
    let first = now(&projection);
    for _ in 0..config.steps {
        let seen = projection.step(&distance).expect("a step");
        assert_eq!(seen.image.size(), [1, 1, 16, 16]);
    }
    let layers = network.synthesis.layers();
    let styles = projection.styles().expect("styles");
    assert_eq!(styles.size(), [1, layers, 8]);
    for map in projection.noise() {
        let moments = [map.mean(Kind::Float), map.square().mean(Kind::Float)].map(|x| x.double_value(&[]));
        assert!(moments[0].abs() < 1e-5 && (moments[1] - 1.0).abs() < 1e-4, "{moments:?}");
    }
    ([first, now(&projection)], styles)
}

#[test]
fn the_distance_falls_to_a_small_share() {
    for noise in [true, false] {
        let gan = generator(noise);
        let config = ProjectionConfig { steps: 150, ..ProjectionConfig::default() };
        let ([first, last], styles) = search(&gan, config);
        assert!(last < 0.05 * first, "{first} to {last}");
        assert_eq!(styles.get(0).get(0), styles.get(0).get(1), "one style for all layers");
        if !noise {
            continue;
        }
        let before = gan_weights(&gan);
        let ([_, each], apart) = search(&gan, ProjectionConfig { each_layer: true, ..config });
        assert!(each < 0.05 * first, "{first} to {each}");
        assert_ne!(apart.get(0).get(0), apart.get(0).get(1));
        assert!(before.iter().zip(gan_weights(&gan)).all(|(a, b)| *a == b), "the network stays as it is");
    }
}

fn gan_weights(gan: &StyleGan) -> Vec<Tensor> {
    use gan_core::variant::Variant;
    gan.players()[0].parameters().named().iter().map(|(_, tensor)| tensor.copy()).collect()
}

#[test]
fn a_seed_is_one_search() {
    let gan = generator(true);
    let of = |seed| search(&gan, ProjectionConfig { steps: 10, seed, ..ProjectionConfig::default() }).1;
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}
