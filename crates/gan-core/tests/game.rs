//! The game against the same steps written by hand.

use gan_core::clock::Clock;
use gan_core::comm::Solo;
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::game::balance::{BalanceConfig, BalanceRule};
use gan_core::game::{Draws, Game, GameConfig, RegularizerConfig, Rules, Sides, TopK, Verdict, pack};
use gan_core::loss::AdversarialLoss;
use gan_core::nn::{Init, Linear, Parameters};
use gan_core::optim::AdamConfig;
use gan_core::player::Player;
use gan_core::random::Streams;
use gan_core::recorder::Recorder;
use gan_core::regularizer::gradient_penalty;
use gan_core::step::StepCtx;
use tch::{Device, Kind, Tensor};

const BATCH: i64 = 8;

/// Two small networks without batch statistics: images are 2 numbers.
struct Table {
    up: Linear,
    down: Linear,
    out: Linear,
    generator: Player,
    discriminator: Player,
    policy: DevicePolicy,
    recorder: Recorder,
}

impl Table {
    fn new(size: i64, adam: AdamConfig) -> Self {
        let policy = DevicePolicy::reference();
        let init = Init::Normal { mean: 0.0, std: 0.5 };
        let mut weights = Parameters::new(&policy, 1);
        let up = Linear::new(weights.root().sub("up"), 3, 2, init).expect("layer");
        let generator = Player::new("generator", weights, adam).expect("player");
        let mut weights = Parameters::new(&policy, 2);
        let mut root = weights.root();
        let down = Linear::new(root.sub("down"), 2 * size, 16, init).expect("layer");
        let out = Linear::new(root.sub("out"), 16, 1, init).expect("layer");
        let discriminator = Player::new("discriminator", weights, adam).expect("player");
        Self { up, down, out, generator, discriminator, policy, recorder: Recorder::default() }
    }

    fn generate(&self, z: &Tensor) -> Result<Tensor> {
        Ok(self.up.forward(z)?.f_view([-1, 2, 1, 1])?)
    }

    fn judge(&self, images: &Tensor) -> Result<Verdict> {
        let features = self.down.forward(&images.f_flatten(1, -1)?)?.f_tanh()?;
        Ok(Verdict {
            logits: self.out.forward(&features)?.f_flatten(0, -1)?,
            features: Some(features),
            classification: None,
        })
    }

    fn ctx(&self, step: u64) -> StepCtx<'_> {
        StepCtx::new(Clock { step, images: step * BATCH as u64 }, &self.policy, &Solo, &self.recorder, 7)
    }

    /// The networks as functions: their tensors are shared with the players, which only the game moves.
    fn play(&mut self, game: &mut Game, step: u64) -> Result<()> {
        let draws = draws(step);
        let Self { up, down, out, generator, discriminator, policy, recorder } = self;
        let view = |z: &Tensor| -> Result<Tensor> { Ok(up.forward(z)?.f_view([-1, 2, 1, 1])?) };
        let judge = |images: &Tensor| -> Result<Verdict> {
            let features = down.forward(&images.f_flatten(1, -1)?)?.f_tanh()?;
            Ok(Verdict {
                logits: out.forward(&features)?.f_flatten(0, -1)?,
                features: Some(features),
                classification: None,
            })
        };
        let sides = Sides { generate: &|z, _| view(z), judge: &|images, _| judge(images) };
        let clock = Clock { step, images: step * BATCH as u64 };
        let ctx = StepCtx::new(clock, policy, &Solo, recorder, 7);
        game.discriminator(&ctx, discriminator, &sides, &draws, 0)?;
        let mut redraw =
            |last: &Draws| Ok(last.with_latents(ctx.noise().normal("latent", &last.z.size())?, None));
        game.generator(&ctx, generator, &sides, &draws, &mut redraw)
    }

    fn weights(&self) -> Vec<Vec<f32>> {
        let players = [&self.generator, &self.discriminator];
        let tensors = players.iter().flat_map(|player| player.parameters().named());
        tensors.map(|(_, tensor)| Vec::try_from(tensor.detach().flatten(0, -1)).expect("f32")).collect()
    }

    fn recorded(&self, name: &str) -> Option<f64> {
        self.recorder.drain().into_iter().find(|(other, _)| other == name).map(|(_, moments)| moments.mean)
    }
}

fn draws(step: u64) -> Draws {
    let streams = Streams::new(3, 0, step, Device::Cpu);
    let real = streams.normal("real", &[BATCH, 2, 1, 1]).expect("draw") + 2.0;
    Draws::new(real, streams.normal("z", &[BATCH, 3]).expect("draw"))
}

fn adam() -> AdamConfig {
    AdamConfig::new(0.01, 0.5)
}

fn after(loss: AdversarialLoss, regularizer: RegularizerConfig, config: GameConfig, steps: u64) -> Table {
    let mut table = Table::new(config.pack, adam());
    let mut game = Game::new(loss, regularizer, config, Device::Cpu).expect("game");
    for step in 0..steps {
        table.play(&mut game, step).expect("step");
    }
    table
}

fn distance(a: &Table, b: &Table) -> f32 {
    let pairs = a.weights().concat().into_iter().zip(b.weights().concat());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn without_additions_it_is_algorithm_1() {
    let game = after(AdversarialLoss::NonSaturating, RegularizerConfig::default(), GameConfig::default(), 3);
    let mut by_hand = Table::new(1, adam());
    let loss = AdversarialLoss::NonSaturating;
    for step in 0..3 {
        let Draws { real, z, .. } = draws(step);
        let fake = by_hand.generate(&z).expect("fakes");
        let on_real = loss.on_real(&by_hand.judge(&real).expect("verdict").logits).expect("loss");
        let on_fake = loss.on_fake(&by_hand.judge(&fake.detach()).expect("verdict").logits).expect("loss");
        let (policy, recorder) = (by_hand.policy, Recorder::default());
        let ctx = StepCtx::new(by_hand.ctx(step).clock(), &policy, &Solo, &recorder, 7);
        by_hand.discriminator.accumulate(&ctx, &on_real).expect("gradient");
        by_hand.discriminator.accumulate(&ctx, &on_fake).expect("gradient");
        by_hand.discriminator.apply(&ctx).expect("update");
        let g_loss = loss.generator(&by_hand.judge(&fake).expect("verdict").logits).expect("loss");
        by_hand.generator.descend(&ctx, &g_loss).expect("update");
    }
    assert_eq!(game.weights(), by_hand.weights());
}

#[test]
fn micro_batches_are_the_whole_batch_where_nothing_looks_across() {
    let regularizer = RegularizerConfig { r1: 1.0, r2: 0.5, ..RegularizerConfig::default() };
    for loss in [AdversarialLoss::NonSaturating, AdversarialLoss::Hinge, AdversarialLoss::RelativisticPaired]
    {
        let play = |micro_batches| {
            after(loss, regularizer, GameConfig { micro_batches, ..GameConfig::default() }, 3)
        };
        let (whole, parts) = (play(1), play(4));
        assert!(distance(&whole, &parts) < 2e-5, "{loss}: {}", distance(&whole, &parts));
        let other = after(loss, RegularizerConfig::default(), GameConfig::default(), 3);
        assert!(distance(&whole, &other) > 1e-4, "the penalty does something");
    }
}

#[test]
fn reals_and_fakes_in_one_batch_are_the_same_game() {
    for loss in [AdversarialLoss::NonSaturating, AdversarialLoss::Hinge, AdversarialLoss::RelativisticPaired]
    {
        let play = |together, own_latents| {
            let game = GameConfig { together, own_latents, discriminator_steps: 2, ..GameConfig::default() };
            after(loss, RegularizerConfig::default(), game, 3)
        };
        let (apart, together) = (play(false, false), play(true, false));
        assert!(distance(&apart, &together) < 2e-5, "{loss}: {}", distance(&apart, &together));
        assert!(distance(&apart, &play(false, true)) > 1e-4, "{loss}: own latents do something");
    }
}

#[test]
fn r1_from_the_shared_forward_is_r1() {
    let gamma = 3.0;
    let regularizer = RegularizerConfig { r1: gamma, ..RegularizerConfig::default() };
    let game = after(AdversarialLoss::Hinge, regularizer, GameConfig::default(), 1);
    let mut by_hand = Table::new(1, adam());
    let Draws { real, z, .. } = draws(0);
    let fake = by_hand.generate(&z).expect("fakes");
    let judge = |x: &Tensor| Ok(by_hand.judge(x)?.logits);
    let loss = AdversarialLoss::Hinge.discriminator(
        &judge(&real).expect("logits"),
        &judge(&fake.detach()).expect("logits"),
        0.0,
    );
    let penalty = gradient_penalty::r1(&judge, &real).expect("r1");
    let total = loss.expect("loss") + penalty * (gamma / 2.0);
    let (policy, recorder) = (by_hand.policy, Recorder::default());
    let ctx = StepCtx::new(Clock::default(), &policy, &Solo, &recorder, 7);
    by_hand.discriminator.descend(&ctx, &total).expect("update");
    let g_loss = AdversarialLoss::Hinge.generator(&by_hand.judge(&fake).expect("verdict").logits);
    by_hand.generator.descend(&ctx, &g_loss.expect("loss")).expect("update");
    assert!(distance(&game, &by_hand) < 1e-6);
}

#[test]
fn lazy_penalties_come_every_nth_update_in_one_of_their_own() {
    let regularizer = RegularizerConfig { r1: 1.0, every: 4, ..RegularizerConfig::default() };
    let config = GameConfig::default();
    let mut table = Table::new(1, regularizer.adam(adam()));
    let mut game = Game::new(AdversarialLoss::Hinge, regularizer, config, Device::Cpu).expect("game");
    let mut updates = Vec::new();
    for step in 0..6 {
        table.play(&mut game, step).expect("step");
        let penalised = table.recorded("penalty/r1").is_some();
        let state = table.discriminator.adam().named(&table.discriminator.parameters().trainable_names());
        let steps = &state.last().expect("steps").1;
        updates.push((penalised, steps.double_value(&[0])));
    }
    // The output's bias has no gradient under R1: the first weight counts.
    let expected = [(true, 2.0), (false, 3.0), (false, 4.0), (false, 5.0), (true, 7.0), (false, 8.0)];
    assert_eq!(updates, expected);
}

#[test]
fn a_held_player_stands_still() {
    let balance = BalanceConfig { rule: BalanceRule::Accuracy, low: 0.0, high: 1e-6, decay: 0.5 };
    let config = GameConfig { balance, ..GameConfig::default() };
    let held = after(AdversarialLoss::NonSaturating, RegularizerConfig::default(), config, 2);
    let fresh = Table::new(1, adam());
    let own = |table: &Table| table.weights()[2..].to_vec();
    assert_eq!(own(&held), own(&fresh), "an accuracy above 0 holds the discriminator");
    assert_ne!(held.weights()[0], fresh.weights()[0]);
    assert_eq!(held.recorded("balance/held_discriminator"), Some(1.0));
}

#[test]
fn clipped_weights_stay_in_their_box() {
    let regularizer = RegularizerConfig { clip_weights: 0.01, ..RegularizerConfig::default() };
    let table = after(AdversarialLoss::Wasserstein, regularizer, GameConfig::default(), 2);
    assert!(table.weights()[2..].concat().iter().all(|weight| weight.abs() <= 0.01));
    assert!(table.weights()[..2].concat().iter().any(|weight| weight.abs() > 0.01));
}

#[test]
fn packs_stand_side_by_side() {
    let images = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([4, 2, 1, 1]);
    let packs = pack(&images, 2).expect("packs");
    assert_eq!(packs.size(), [2, 4, 1, 1]);
    assert_eq!(Vec::<f32>::try_from(packs.get(1).flatten(0, -1)).expect("f32"), [4.0, 5.0, 6.0, 7.0]);
    assert!(pack(&images, 3).expect_err("3").to_string().contains("packs of 3"));
}

#[test]
fn every_addition_trains_and_does_something() {
    use AdversarialLoss::{Hinge, NonSaturating, RelativisticPaired, Wasserstein};
    let plain = |loss| after(loss, RegularizerConfig::default(), GameConfig::default(), 3);
    let r = RegularizerConfig::default();
    let g = GameConfig::default();
    let noise = gan_core::augment::InstanceNoise { sigma: 0.1, until_images: 100 };
    let ratio = BalanceConfig { rule: BalanceRule::LossRatio, low: 0.9, high: 1.0, decay: 0.5 };
    let cases: Vec<(&str, AdversarialLoss, RegularizerConfig, GameConfig)> = vec![
        ("wgan-gp", Wasserstein, RegularizerConfig { wgan_gp: 10.0, ..r }, g),
        ("dragan", NonSaturating, RegularizerConfig { dragan: 10.0, ..r }, g),
        ("zero-centred", NonSaturating, RegularizerConfig { zero_centered: 10.0, ..r }, g),
        ("lazy gp", Hinge, RegularizerConfig { wgan_gp: 1.0, r2: 1.0, every: 2, ..r }, g),
        ("r2", RelativisticPaired, RegularizerConfig { r2: 1.0, ..r }, g),
        ("lecam", Hinge, RegularizerConfig { lecam: 0.3, ..r }, g),
        ("zcr", Hinge, RegularizerConfig { consistency_latent: 5.0, latent_sensitivity: 0.5, ..r }, g),
        (
            "orthogonal",
            Hinge,
            RegularizerConfig { orthogonal_generator: 0.1, orthogonal_discriminator: 0.1, ..r },
            g,
        ),
        ("smoothing", NonSaturating, r, GameConfig { label_smoothing: 0.1, ..g }),
        ("feature matching", NonSaturating, r, GameConfig { feature_matching: 1.0, adversarial: 0.0, ..g }),
        ("mode seeking", Hinge, r, GameConfig { mode_seeking: 1.0, ..g }),
        ("top k", Hinge, r, GameConfig { top_k: TopK { share: 0.5, until_images: 0 }, ..g }),
        (
            "relativistic top k",
            RelativisticPaired,
            r,
            GameConfig { top_k: TopK { share: 0.5, until_images: 0 }, ..g },
        ),
        ("instance noise", Hinge, r, GameConfig { instance_noise: noise, ..g }),
        ("two generator steps", Hinge, r, GameConfig { generator_steps: 2, ..g }),
        ("loss ratio", Hinge, r, GameConfig { balance: ratio, ..g }),
    ];
    for (name, loss, regularizer, config) in cases {
        let rules = Rules { loss, regularizer, game: config, ..Rules::default() };
        rules.validate("table", (BATCH, 1, 2)).expect(name);
        let table = after(loss, regularizer, config, 3);
        assert!(table.weights().concat().iter().all(|weight| weight.is_finite()), "{name}");
        assert!(distance(&table, &plain(loss)) > 1e-6, "{name} changes nothing");
    }
}

#[test]
fn features_that_nobody_shows_are_asked_for_in_a_sentence() {
    let mut table = Table::new(1, adam());
    let config = GameConfig { feature_matching: 1.0, ..GameConfig::default() };
    let mut game =
        Game::new(AdversarialLoss::Hinge, RegularizerConfig::default(), config, Device::Cpu).expect("game");
    let Table { up, down, out, generator, discriminator, policy, recorder } = &mut table;
    let sides = Sides {
        generate: &|z, _| Ok(up.forward(z)?.f_view([-1, 2, 1, 1])?),
        judge: &|x, _| Ok(out.forward(&down.forward(&x.f_flatten(1, -1)?)?)?.f_flatten(0, -1)?.into()),
    };
    let ctx = StepCtx::new(Clock::default(), policy, &Solo, recorder, 7);
    let draws = draws(0);
    game.discriminator(&ctx, discriminator, &sides, &draws, 0).expect("an update");
    let mut redraw = |last: &Draws| Ok(last.with_latents(last.z.shallow_clone(), None));
    let error =
        game.generator(&ctx, generator, &sides, &draws, &mut redraw).expect_err("no features").to_string();
    assert!(error.contains("shows no features"), "{error}");
}
