//! Nothing lost: a run that was killed and resumed equals one that was not, bit for bit.

use crate::support::{gan, newest, state, succeed, train};
use std::time::Duration;

const IMAGES: u64 = 2400;

#[test]
fn a_run_killed_at_random_moments_equals_an_uninterrupted_one() {
    let folder = tempfile::tempdir().expect("temp dir");
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    succeed(&mut train(&whole, IMAGES, 800));

    // A checkpoint after every step: most moments are in the middle of writing one.
    let mut child = train(&killed, IMAGES, 8).spawn().expect("gan starts");
    let begun = std::time::Instant::now();
    while !killed.join("config.toml").is_file() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut moment = 0x2545_f491_4f6c_dd1d_u64;
    let mut kills = 0;
    for _ in 0..20 {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis((moment >> 33) % 700));
        if child.try_wait().expect("status").is_some() {
            break;
        }
        child.kill().expect("SIGKILL");
        let _ = child.wait();
        kills += 1;
        child = gan().arg("resume").arg(&killed).spawn().expect("gan starts");
    }
    assert!(child.wait().expect("status").success(), "the last resume ends well");
    assert!(kills >= 4, "the run was killed {kills} times only: make it longer");

    assert_eq!(newest(&whole).file_name(), newest(&killed).file_name());
    let (whole_state, killed_state) = (state(&whole), state(&killed));
    assert_eq!(whole_state.keys().collect::<Vec<_>>(), killed_state.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole_state {
        assert!(*bytes == killed_state[name], "{name} differs after {kills} kills");
    }
    let rubbish = std::fs::read_dir(killed.join("checkpoints")).expect("folder").flatten();
    let hidden: Vec<_> =
        rubbish.map(|e| e.file_name()).filter(|n| n.to_string_lossy().starts_with('.')).collect();
    assert!(hidden.is_empty(), "left behind: {hidden:?}");
}

#[test]
fn resuming_is_exact_in_bf16_on_two_threads() {
    let folder = tempfile::tempdir().expect("temp dir");
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let fast = ["--precision", "bf16", "--threads", "2"];
    succeed(train(&whole, 64, 64).args(fast));
    succeed(train(&parts, 32, 32).args(fast));
    succeed(gan().args(["resume", "--images", "64"]).arg(&parts));
    for (name, bytes) in &state(&whole) {
        assert!(*bytes == state(&parts)[name], "{name} differs");
    }
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_offered() {
    let folder = tempfile::tempdir().expect("temp dir");
    let run = folder.path().join("run");
    succeed(&mut train(&run, 64, 32));
    let newest = newest(&run);
    let file = newest.join("generator.safetensors");
    let mut bytes = std::fs::read(&file).expect("file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("flip a bit");

    let output = gan().args(["resume", "--images", "96"]).arg(&run).output().expect("gan starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said.contains("generator.safetensors is damaged") && said.contains("000000032 is sound"),
        "{said}"
    );

    let previous = run.join("checkpoints/000000032");
    succeed(gan().args(["resume", "--images", "96"]).arg(&previous));
    assert!(run.join("checkpoints/000000096").is_dir());
}
