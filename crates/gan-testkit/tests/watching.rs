//! Watching a run: collapses are found, healthy runs left alone, and what follows is deterministic.

mod toy;

use gan_core::loss::AdversarialLoss;
use gan_core::trainer::{Checkpoint, GuardMode, RunDir, Sign, Standing, Tick, TrainConfig};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;
use toy::{BATCH, Halves, Settings, Toy, advance, run_until, train_config, trainer};

fn signs(ticks: &[Tick]) -> Vec<Sign> {
    ticks.iter().filter_map(|tick| tick.report.as_ref()).flat_map(|r| &r.findings).map(|f| f.sign).collect()
}

fn warnings(ticks: &[Tick]) -> String {
    ticks.iter().flat_map(|tick| tick.warnings.clone()).collect::<Vec<_>>().join("\n")
}

/// A run from its beginning to its end.
fn whole(folder: &Path, settings: Settings, config: TrainConfig) -> (Toy, Vec<Tick>) {
    let mut toy = Toy::new(settings);
    let mut trainer = trainer(folder, config, &toy);
    let ticks = run_until(&mut trainer, &mut toy, &mut Halves::new(), u64::MAX);
    trainer.finish().expect("the last checkpoint");
    (toy, ticks)
}

fn temp() -> TempDir {
    tempfile::tempdir().expect("temp dir")
}

/// Everything of a checkpoint but wall time.
fn files(checkpoint: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(checkpoint).expect("a checkpoint").flatten();
    let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let kept = named.filter(|(name, _)| name != "meta.json" && name != "SHA256SUMS");
    kept.map(|(name, path)| (name, std::fs::read(path).expect("file"))).collect()
}

fn newest(run: &Path) -> std::path::PathBuf {
    RunDir::checkpoints_of(run).pop().expect("a checkpoint")
}

#[test]
fn healthy_runs_are_left_alone() {
    for seed in 1..=3 {
        let folder = temp();
        let run = folder.path().join("run");
        let (_, ticks) = whole(&run, Settings::healthy(seed), train_config(800));
        assert_eq!(signs(&ticks), [], "seed {seed}");
        let watch = Checkpoint::open(&newest(&run)).expect("sound").watch().expect("watched");
        assert!(watch.standing() != Standing::Collapsed && watch.convergence.quality().is_some());
        assert!(watch.summary().contains("Quality (moments)"), "{}", watch.summary());
    }
}

#[test]
fn a_dead_latent_is_found() {
    let folder = temp();
    let settings = Settings { latent_gain: 0.0, ..Settings::healthy(1) };
    let (_, ticks) = whole(&folder.path().join("run"), settings, train_config(200));
    assert!(signs(&ticks).contains(&Sign::Diversity), "{:?}", signs(&ticks));
    assert!(warnings(&ticks).contains("samples of different latents hardly differ"), "{}", warnings(&ticks));
}

#[test]
fn a_discriminator_far_too_strong_is_found() {
    let folder = temp();
    let settings = Settings {
        loss: AdversarialLoss::Minimax,
        generator_rate: 1e-6,
        discriminator_rate: 2e-2,
        // So bright that one look tells them from reals.
        brightness: 2.0,
        ..Settings::healthy(1)
    };
    let (_, ticks) = whole(&folder.path().join("run"), settings, train_config(400));
    let found = signs(&ticks);
    assert!(found.contains(&Sign::Saturation), "{found:?}");
}

#[test]
fn nobody_looks_where_the_guard_is_off() {
    let folder = temp();
    let settings = Settings { latent_gain: 0.0, ..Settings::healthy(1) };
    let config = TrainConfig { guard: GuardMode::Off, ..train_config(200) };
    let (_, ticks) = whole(&folder.path().join("run"), settings, config);
    assert_eq!((signs(&ticks).len(), warnings(&ticks)), (0, String::new()));
}

#[test]
fn a_gradient_that_is_not_finite_ends_the_run_or_takes_it_back() {
    let settings = Settings { nan_from: 120, ..Settings::healthy(1) };
    let folder = temp();
    let mut toy = Toy::new(settings);
    let stopping = trainer(&folder.path().join("stop"), train_config(200), &toy);
    let error = stopping.run(&mut toy, &mut Halves::new()).expect_err("NaN").to_string();
    assert!(error.contains("step 121") && error.contains("--guard rollback"), "{error}");

    let config = TrainConfig { guard: GuardMode::Rollback, ..train_config(200) };
    let (toy, ticks) = whole(&folder.path().join("back"), settings, config);
    let said = warnings(&ticks);
    assert!(said.contains("went back from 2080 to 1600 images, with learning rates at 50 %"), "{said}");
    assert_eq!(toy.players[0].adam().rate_factor, 0.5);
    assert_eq!(ticks.last().expect("ticks").clock.step, 200, "the run came to its end");
    assert_eq!(newest(&folder.path().join("back")).file_name().expect("name"), "000003200");
}

#[test]
fn going_back_is_bounded() {
    let folder = temp();
    let settings = Settings { nan_from: 120, nan_for_good: true, ..Settings::healthy(1) };
    let config = TrainConfig { guard: GuardMode::Rollback, guard_rollbacks: 2, ..train_config(200) };
    let mut toy = Toy::new(settings);
    let run = folder.path().join("run");
    let error = trainer(&run, config, &toy).run(&mut toy, &mut Halves::new()).expect_err("NaN").to_string();
    assert!(error.contains("not finite"), "{error}");
    assert_eq!(Checkpoint::open(&newest(&run)).expect("sound").watch().expect("watched").rollbacks, 2);
}

#[test]
fn a_collapse_goes_back_to_before_it_began() {
    // The generator stops listening in the middle of the run, at full rates only.
    let folder = temp();
    let run = folder.path().join("run");
    let config = TrainConfig { guard: GuardMode::Rollback, guard_rollbacks: 1, ..train_config(600) };
    let mut toy = Toy::new(Settings::healthy(1));
    let mut trainer = trainer(&run, config, &toy);
    let mut source = Halves::new();
    run_until(&mut trainer, &mut toy, &mut source, 300 * BATCH as u64);
    toy.settings.latent_gain = 0.0;
    let mut ticks = Vec::new();
    while trainer.watch().rollbacks == 0 && ticks.len() < 1000 {
        ticks.push(advance(&mut trainer, &mut toy, &mut source));
    }
    assert!(warnings(&ticks).contains("went back from 5600 to 4800 images"), "{}", warnings(&ticks));
    assert_eq!(trainer.clock().images, 4800);
    let names: Vec<String> = std::fs::read_dir(run.join("checkpoints"))
        .expect("folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().all(|name| !name.starts_with('0') || name.as_str() <= "000004800"), "{names:?}");
}

#[test]
fn going_back_is_deterministic_and_resuming_after_it_exact() {
    let settings = Settings { nan_from: 120, ..Settings::healthy(1) };
    let config = |steps| TrainConfig { guard: GuardMode::Rollback, ..train_config(steps) };
    let folder = temp();
    let run = |name: &str| folder.path().join(name);
    whole(&run("one"), settings, config(250));
    whole(&run("two"), settings, config(250));
    assert!(files(&newest(&run("one"))) == files(&newest(&run("two"))), "two runs with one seed");

    // Ended right after going back, and once more between two reports.
    let mut images = 0;
    for stop in [0, 153 * BATCH as u64, u64::MAX] {
        let mut toy = Toy::new(Settings { seed: 99, ..settings });
        let mut trainer = trainer(&run("parts"), config(250), &toy);
        let mut source = Halves::new();
        if images > 0 {
            let checkpoint = RunDir::latest(&run("parts")).expect("sound").expect("one");
            trainer.resume(&checkpoint, &mut toy, &mut source).expect("resume");
            assert_eq!(trainer.watch().rollbacks, 1);
        } else {
            toy = Toy::new(settings);
        }
        while trainer.watch().rollbacks == 0 || trainer.clock().images < stop {
            let next = trainer.clock().images + 1;
            if run_until(&mut trainer, &mut toy, &mut source, next).last().expect("a tick").finished {
                break;
            }
        }
        images = trainer.clock().images;
        match stop {
            u64::MAX => trainer.finish().expect("the end"),
            _ => drop(trainer.save_now(&mut toy, &mut source).expect("saved")),
        }
    }
    let (one, parts) = (files(&newest(&run("one"))), files(&newest(&run("parts"))));
    for (name, bytes) in &one {
        assert!(name == "watch.json" || *bytes == parts[name], "{name} differs after resuming");
    }
}

/// The draws after going back are others: with the same ones the same would happen again.
#[test]
fn another_way_is_tried() {
    let folder = temp();
    let settings = Settings { nan_from: 120, ..Settings::healthy(1) };
    let config = TrainConfig { guard: GuardMode::Rollback, ..train_config(150) };
    whole(&folder.path().join("back"), settings, config);
    // The same rates from the same checkpoint, with the same draws as the first time.
    let mut toy = Toy::new(Settings::healthy(1));
    let mut plain = trainer(&folder.path().join("plain"), train_config(150), &toy);
    let mut source = Halves::new();
    run_until(&mut plain, &mut toy, &mut source, 100 * BATCH as u64);
    toy.players.iter_mut().for_each(|player| player.adam_mut().rate_factor = 0.5);
    run_until(&mut plain, &mut toy, &mut source, u64::MAX);
    plain.finish().expect("the end");
    let generator = |run: &str| files(&newest(&folder.path().join(run)))["generator.safetensors"].clone();
    assert!(generator("back") != generator("plain"));
}

/// Hands in a given number at every evaluation.
fn with_quality(folder: &Path, config: TrainConfig, values: &[f64]) -> (u64, Vec<Tick>) {
    let mut toy = Toy::new(Settings::healthy(1));
    let mut trainer = trainer(folder, config, &toy);
    let (mut source, mut ticks, mut values) = (Halves::new(), Vec::new(), values.iter());
    loop {
        let tick = trainer.advance(&mut toy, &mut source).expect("a step");
        if tick.evaluate {
            trainer.observe_quality(
                "given",
                *values.next().expect("enough"),
                gan_core::trainer::Better::Lower,
            );
        }
        ticks.push(tick);
        if ticks.last().is_some_and(|tick| tick.finished) {
            let images = trainer.clock().images;
            trainer.finish().expect("the end");
            return (images, ticks);
        }
    }
}

#[test]
fn the_best_is_kept_when_worse_ones_follow() {
    let folder = temp();
    let run = folder.path().join("run");
    let config = TrainConfig { keep_checkpoints: 1, ..train_config(250) };
    let (_, ticks) = with_quality(&run, config, &[5.0, 3.0, 4.0, 6.0, 3.5]);
    let best = Checkpoint::open(&RunDir::best_of(&run)).expect("sound");
    assert_eq!(best.meta.clock.images, 100 * BATCH as u64);
    assert_eq!(best.watch().expect("watched").convergence.quality().expect("given").best.1, 3.0);
    assert_eq!(RunDir::checkpoints_of(&run).len(), 1);
    // The report of an evaluation's own step holds its number.
    let logged: Vec<f64> = ticks
        .iter()
        .filter_map(|tick| Some(tick.report.as_ref()?.values.get("quality/given")?.mean))
        .collect();
    assert_eq!(logged, [5.0, 3.0, 4.0, 6.0, 3.5]);
}

#[test]
fn a_plateau_ends_the_run_where_that_is_asked_for() {
    let folder = temp();
    let config = TrainConfig { stop_on_plateau: 2, ..train_config(1000) };
    let run = folder.path().join("run");
    let (images, _) = with_quality(&run, config.clone(), &[5.0, 4.0, 4.5, 3.0, 3.1, 3.2]);
    assert_eq!(images, 300 * BATCH as u64);
    let checkpoint = Checkpoint::open(&newest(&run)).expect("sound");
    assert!(
        checkpoint.meta.clock.images == images && checkpoint.watch().expect("watched").stopped_on_plateau
    );

    // Going on means looking again as long.
    let mut toy = Toy::new(Settings::healthy(2));
    let mut trainer = trainer(&run, config, &toy);
    trainer.resume(&checkpoint, &mut toy, &mut Halves::new()).expect("resume");
    assert_eq!(trainer.watch().convergence.quality().expect("given").evaluations_since_best, 0);
}

#[test]
fn a_checkpoint_of_before_is_read() {
    let folder = temp();
    let run = folder.path().join("run");
    whole(&run, Settings::healthy(1), train_config(50));
    let path = newest(&run);
    std::fs::remove_file(path.join("watch.json")).expect("watch.json");
    let sums = std::fs::read_to_string(path.join("SHA256SUMS")).expect("sums");
    let kept: String =
        sums.lines().filter(|line| !line.ends_with("watch.json")).flat_map(|l| [l, "\n"]).collect();
    std::fs::write(path.join("SHA256SUMS"), kept).expect("sums");
    let checkpoint = Checkpoint::open(&path).expect("sound");
    assert_eq!(checkpoint.watch().expect("fresh"), gan_core::trainer::Watch::default());
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let refuse = |change: fn(&mut TrainConfig)| {
        let mut config = train_config(10);
        change(&mut config);
        config.validate().expect_err("refused").to_string()
    };
    assert!(refuse(|c| (c.stop_on_plateau, c.evaluate_images) = (2, 0)).contains("train.evaluate_images"));
    assert!(
        refuse(|c| (c.guard, c.guard_rollbacks) = (GuardMode::Rollback, 0)).contains("train.guard_rollbacks")
    );
    assert!(refuse(|c| c.guard_rollbacks = 99).contains("32 at most"));
}
