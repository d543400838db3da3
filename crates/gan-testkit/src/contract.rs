//! What the trainer relies on. One call in every variant's `tests/contract.rs`, and a second in those that generate.

use gan_core::data::{ImageBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::Result;
use gan_core::random::Streams;
use gan_core::trainer::{Checkpoint, Identity, Parts, RunDir, TrainConfig, Trainer};
use gan_core::variant::{Generate, GenerateOptions, ImageGan, NoiseInputs, Variant, Weights};
use gan_sys::runtime::HostReads;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Kind, Tensor};

/// How the suite makes what it tests. Small: every check runs a few steps.
pub struct Subject<'a, V, B> {
    /// A fresh variant with first weights from a seed.
    pub variant: &'a dyn Fn(u64) -> V,
    /// A fresh source at position 0; the same batches every time.
    pub source: &'a dyn Fn() -> Box<dyn Source<B>>,
}

/// Runs every check of steps and runs.
///
/// # Panics
/// With a sentence about what the variant does not keep.
pub fn check<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    policy().apply();
    steps_are_finite_and_move_every_player(subject);
    steps_never_read_a_tensor_on_the_host(subject);
    runs_are_functions_of_the_seed(subject);
    a_step_moves_a_player_only_through_its_own_optimiser(subject);
    previews_leave_the_state_alone(subject);
    resuming_is_exact(subject);
    strangers_are_refused(subject);
}

/// For a variant that generates: its generator, alone from a checkpoint of a run with `config` by `load`, makes the images that
/// the whole GAN makes, bit for bit, with weights of either kind.
///
/// # Panics
/// With a sentence about what differs.
pub fn check_generator<V: ImageGan, G: Generate>(
    subject: &Subject<V, ImageBatch>,
    config: &impl Serialize,
    load: &dyn Fn(&Checkpoint, Weights) -> Result<G>,
) {
    policy().apply();
    let folder = tempfile::tempdir().expect("temp dir");
    let trained = |name: &str, identity: &dyn Fn(&V) -> Identity| {
        let mut gan = (subject.variant)(1);
        let dir = RunDir::create(&folder.path().join(name), "").expect("run folder");
        let train = self::config(1, 3 * gan.images_per_step());
        let trainer = Trainer::new(train, policy(), dir, identity(&gan)).expect("trainer");
        trainer.run(&mut gan, (subject.source)().as_mut()).expect("steps");
        (Checkpoint::find(&folder.path().join(name)).expect("sound"), gan)
    };
    let (checkpoint, gan) = trained("run", &|gan| Identity::of(gan, config).expect("an identity"));
    let noise = Streams::new(7, 0, 0, policy().device);
    for options in
        [GenerateOptions::default(), GenerateOptions { truncation: Some(0.5), noise: NoiseInputs::Random(3) }]
    {
        let whole = gan.generator(Weights::Averaged);
        let z = noise.normal("latent", &[&[3], whole.latent_shape().as_slice()].concat()).expect("latents");
        let labels = whole.draw_labels(&noise, 3).expect("labels");
        let both = [Weights::Averaged, Weights::Raw].map(|weights| {
            let (whole, alone) = (gan.generator(weights), load(&checkpoint, weights).expect("a generator"));
            assert_eq!(whole.class_names(), alone.class_names());
            assert_eq!(whole.attributes(), alone.attributes());
            let images = alone.generate(&z, labels.as_ref(), &options).expect("images");
            let same = whole.generate(&z, labels.as_ref(), &options).expect("images") == images;
            assert!(same, "the generator alone makes other images with {weights:?} weights");
            images
        });
        let averages = gan.players().iter().any(|player| player.average().is_some());
        assert_eq!(both[0] != both[1], averages, "an average, and nothing else, makes images of its own");
    }
    let identity = |variant: &str| Identity { variant: variant.to_owned(), config: Value::Null };
    for (word, why) in [("stranger", "stranger"), (gan.name(), "configuration")] {
        let (checkpoint, _) = trained(word, &|_| identity(word));
        let refused = load(&checkpoint, Weights::Raw).err().expect("not its own").to_string();
        assert!(refused.contains(why) && refused.contains(gan.name()), "{refused}");
    }
}

fn steps_are_finite_and_move_every_player<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let mut variant = (subject.variant)(1);
    let before = weights(&variant);
    advance(&mut variant, subject, 1, 3);
    for (name, tensor) in &weights(&variant) {
        assert_eq!(tensor.isfinite().all().int64_value(&[]), 1, "{name} is not finite after three steps");
    }
    for player in variant.players() {
        let prefix = format!("{}/", player.name());
        let moved = weights(&variant)
            .iter()
            .any(|(name, tensor)| name.starts_with(&prefix) && *tensor != before[name]);
        assert!(moved, "three steps did not move the {}", player.name());
    }
}

/// Two whole steps between reports, while LibTorch tells of every operation that the host waits for. On a CPU a plain
/// copy out of a tensor is none: there `cargo xtask tidy` finds the words for it in a variant's code.
fn steps_never_read_a_tensor_on_the_host<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let mut variant = (subject.variant)(1);
    let mut source = (subject.source)();
    let folder = tempfile::tempdir().expect("temp dir");
    let train = TrainConfig { report_images: u64::MAX, ..config(1, u64::MAX) };
    let run = RunDir::create(&folder.path().join("run"), "").expect("run folder");
    let identity = Identity::of(&variant, &()).expect("an identity");
    let mut trainer = Trainer::new(train, policy(), run, identity).expect("trainer");
    // The first step may set things up.
    trainer.advance(&mut variant, source.as_mut()).expect("step");
    let reads = HostReads::begin().expect("an observer");
    for _ in 0..2 {
        trainer.advance(&mut variant, source.as_mut()).expect("step");
    }
    let reads = reads.end();
    assert!(
        reads.is_empty(),
        "two steps read tensors on the host {} times: {}",
        reads.len(),
        reads.join(", ")
    );
}

fn runs_are_functions_of_the_seed<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let run = |seed| {
        let mut variant = (subject.variant)(seed);
        advance(&mut variant, subject, seed, 2);
        weights(&variant)
    };
    assert_eq!(run(1), run(1), "two runs with one seed differ");
    assert_ne!(run(1), run(2), "the seed changes nothing");
}

/// With its rate at 0 a player must stand still, whatever the others do; only buffers may move.
fn a_step_moves_a_player_only_through_its_own_optimiser<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let count = (subject.variant)(1).players().len();
    for still in 0..count {
        let mut variant = (subject.variant)(1);
        variant.players_mut()[still].adam_mut().config.lr = 0.0;
        let before = weights(&variant);
        advance(&mut variant, subject, 1, 2);
        for (index, player) in variant.players().into_iter().enumerate() {
            let names = player.parameters().trainable_names();
            let after = weights(&variant);
            let key = |name: &&str| format!("{}/{name}", player.name());
            let moved = names.iter().any(|name| after[&key(name)] != before[&key(name)]);
            assert_eq!(moved, index != still, "player {} with another one's phase", player.name());
        }
    }
}

fn previews_leave_the_state_alone<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let run = |looking: bool| {
        let mut variant = (subject.variant)(1);
        let mut source = (subject.source)();
        let folder = tempfile::tempdir().expect("temp dir");
        let mut trainer = trainer(&folder.path().join("run"), &variant, 1, u64::MAX);
        for _ in 0..2 {
            trainer.advance(&mut variant, source.as_mut()).expect("step");
            if looking {
                let panels = trainer.preview(&variant).expect("preview");
                assert!(!panels.is_empty(), "a preview shows something");
                let again = trainer.preview(&variant).expect("preview");
                assert_eq!(panels[0].images, again[0].images, "the same moment gives the same picture");
            }
        }
        weights(&variant)
    };
    assert_eq!(run(true), run(false), "looking changed the state");
}

/// Train 2N steps; train N, save, start afresh, N more: every file of the two checkpoints is the same.
fn resuming_is_exact<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let folder = tempfile::tempdir().expect("temp dir");
    let images = (subject.variant)(1).images_per_step();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));

    let mut variant = (subject.variant)(1);
    trainer(&whole, &variant, 1, 4 * images)
        .run(&mut variant, (subject.source)().as_mut())
        .expect("whole run");

    let mut variant = (subject.variant)(1);
    trainer(&parts, &variant, 1, 2 * images)
        .run(&mut variant, (subject.source)().as_mut())
        .expect("first half");
    // Another seed for the first weights: everything must come from the checkpoint.
    let mut variant = (subject.variant)(77);
    let mut source = (subject.source)();
    let run = RunDir::open(&parts).expect("run folder");
    let identity = Identity::of(&variant, &()).expect("an identity");
    let mut trainer = Trainer::new(config(1, 4 * images), policy(), run, identity).expect("trainer");
    let checkpoint = RunDir::latest(&parts).expect("sound").expect("one");
    trainer.resume(&checkpoint, &mut variant, source.as_mut()).expect("resume");
    trainer.run(&mut variant, source.as_mut()).expect("second half");

    let read = |run: &Path| {
        let path = RunDir::checkpoints_of(run).pop().expect("a checkpoint");
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for entry in std::fs::read_dir(path).expect("folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Wall time differs; everything else must not.
            if name.ends_with(".safetensors") {
                files.insert(name, std::fs::read(entry.path()).expect("file"));
            }
        }
        files
    };
    let (whole, parts) = (read(&whole), read(&parts));
    assert_eq!(whole.keys().collect::<Vec<_>>(), parts.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        assert!(*bytes == parts[name], "{name} differs after resuming: some state is not saved");
    }
}

fn strangers_are_refused<V: Variant<Batch = B>, B>(subject: &Subject<V, B>) {
    let folder = tempfile::tempdir().expect("temp dir");
    let run = folder.path().join("run");
    let mut variant = (subject.variant)(1);
    let images = variant.images_per_step();
    let identity = Identity { variant: "stranger".to_owned(), config: serde_json::Value::Null };
    let dir = RunDir::create(&run, "").expect("run folder");
    let trainer = Trainer::new(config(1, images), policy(), dir, identity).expect("trainer");
    trainer.run(&mut variant, (subject.source)().as_mut()).expect("run");
    let checkpoint = Checkpoint::find(&run).expect("sound");
    let error = checkpoint.restore(&mut variant, Parts::Weights).expect_err("another variant").to_string();
    assert!(error.contains("stranger") && error.contains(variant.name()), "{error}");
}

fn advance<V: Variant<Batch = B>, B>(variant: &mut V, subject: &Subject<V, B>, seed: u64, steps: u64) {
    let folder = tempfile::tempdir().expect("temp dir");
    let images = steps * variant.images_per_step();
    let trainer = trainer(&folder.path().join("run"), variant, seed, images);
    trainer.run(variant, (subject.source)().as_mut()).expect("steps");
}

fn trainer<V: Variant<Batch = B>, B>(run: &Path, variant: &V, seed: u64, images: u64) -> Trainer {
    let identity = Identity::of(variant, &()).expect("an identity");
    let run = RunDir::create(run, "").expect("run folder");
    Trainer::new(config(seed, images), policy(), run, identity).expect("trainer")
}

fn config(seed: u64, images: u64) -> TrainConfig {
    TrainConfig {
        images,
        seed,
        report_images: 1,
        checkpoint_images: u64::MAX,
        evaluate_images: 0,
        ..TrainConfig::default()
    }
}

/// How the suite's trainer computes: as real runs do, in f32 on one thread. Build the variant with it.
pub fn policy() -> DevicePolicy {
    DevicePolicy { channels_last: true, ..crate::reference() }
}

fn weights<V: Variant<Batch = B>, B>(variant: &V) -> BTreeMap<String, Tensor> {
    let mut all = BTreeMap::new();
    for player in variant.players() {
        for (name, tensor) in player.parameters().named() {
            // By value: the store's tensors are moved in place.
            all.insert(format!("{}/{name}", player.name()), tensor.detach().copy().to_kind(Kind::Double));
        }
    }
    all
}
