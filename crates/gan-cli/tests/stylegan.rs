//! StyleGAN from the command line: styles mixed, moved along and truncated.

mod support;

use gan_core::tensor::file;
use support::{Done, Place, TINY, is_png, newest, tensors};

const SMALL: &[&str] = &[
    "--size",
    "16",
    "--batch",
    "8",
    "--images",
    "64",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--set",
    "channel_base=64",
    "--set",
    "r1_interval=2",
    "--set",
    "path_length=2",
    "--set",
    "noise=true",
    "--set",
    "style_mixing=0.9",
    "--set",
    "discriminator=resnet",
    // A fading rate would follow --images.
    "--set",
    "generator_optimizer.lr_schedule.to=1",
    "--set",
    "discriminator_optimizer.lr_schedule.to=1",
    "--data",
    "fashion-mnist-test",
];

fn train(place: &Place, more: &[&str]) -> Done {
    place.gan(&[&["train", "stylegan"], SMALL, more].concat())
}

#[test]
fn a_run_is_resumed_and_its_styles_are_used() {
    let place = Place::new();
    let ada = ["--set", "ada.pipe=bgc", "--set", "ada.speed_images=100"];
    train(&place, &[&["--out", "whole"][..], &ada].concat()).succeeded();
    train(&place, &[&["--out", "parts", "--images", "32"][..], &ada].concat()).succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    assert!(
        tensors(&newest(&place.path("whole"))) == tensors(&newest(&place.path("parts"))),
        "w average, path length and p included"
    );
    let log = std::fs::read_to_string(place.path("whole/log.jsonl")).expect("a log");
    for name in ["penalty/r1", "path_length", "augment/p"] {
        assert!(log.contains(name), "{name}");
    }

    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a picture");
    for (name, psi) in [("whole.png", "1"), ("half.png", "0.5")] {
        place.gan(&["sample", "whole", "--count", "4", "--psi", psi, "--out", name]).succeeded();
    }
    place.gan(&["sample", "whole", "--count", "4", "--out", "plain.png"]).succeeded();
    assert_ne!(bytes("whole.png"), bytes("half.png"));
    assert_eq!(bytes("whole.png"), bytes("plain.png"), "1 is as in training");
    for noise in ["none", "random", "const"] {
        let asked = ["sample", "whole", "--seeds", "1-2,3,4", "--noise", noise, "--out"];
        place.gan(&[&asked[..], &[&format!("{noise}.png")]].concat()).succeeded();
    }
    assert_eq!(bytes("const.png"), bytes("plain.png"), "seeds one by one");
    assert_ne!(bytes("none.png"), bytes("plain.png"));
    assert_ne!(bytes("none.png"), bytes("random.png"));
    place.gan(&["sample", "whole", "--seeds", "9,7", "--single", "--out", "two"]).succeeded();
    assert!(is_png(&place.path("two/seed000007.png")) && is_png(&place.path("two/seed000009.png")));
    place.gan(&["sample", "whole", "--seeds", "7-x"]).refused(2, &["--seeds 7-x"]);

    place.gan(&["stylemix", "whole", "--rows", "1,2", "--cols", "5-7", "--layers", "0-2"]).succeeded();
    assert!(is_png(&place.path("whole/generated/stylemix-layers0-2.png")));
    place.gan(&["directions", "whole", "--count", "2", "--steps", "3", "--out", "moved.png"]).succeeded();
    assert!(is_png(&place.path("moved.png")));
    place.gan(&["interpolate", "whole", "--seeds", "1,2", "--steps", "4", "--out", "way"]).succeeded();
    assert!(is_png(&place.path("way.png")));

    place.gan(&["stylemix", "whole", "--layers", "0-99"]).refused(2, &["--layers 0-99", "one of 0 to"]);
    place.gan(&["stylemix", "whole", "--rows", "x"]).refused(2, &["--rows x", "3,14"]);
    place.gan(&["directions", "whole", "--strength", "0"]).refused(2, &["above 0"]);
    place.gan(&["directions", "whole", "--strength", "1e300"]).refused(2, &["up to 1000"]);
    place.gan(&["stylemix", "whole", "--rows", "0-99"]).refused(2, &["--rows", "more seeds than the 64"]);
    place.gan(&["sample", "whole", "--psi", "11"]).refused(2, &["from 0 to 10"]);
}

#[test]
fn rectangles_are_learned() {
    let place = Place::new();
    place.photos("photos", 16);
    let wide = ["--data", "photos", "--set", "stylegan.width=24", "--out", "wide"];
    train(&place, &wide).succeeded();
    place.gan(&["resume", "wide", "--images", "72"]).succeeded();
    place.gan(&["sample", "wide", "--seeds", "3", "--single", "--out", "one"]).succeeded();
    assert_eq!(image::image_dimensions(place.path("one/seed000003.png")).expect("a picture"), (24, 16));
}

#[test]
fn what_does_not_suit_is_refused_in_a_sentence() {
    let place = Place::new();
    place.gan(&["train", "stylegan", "--size", "100"]).refused(2, &["does not halve often enough", "96x96"]);
    train(&place, &["--out", "x", "--set", "ada.pipe=bgx"]).refused(2, &["bgx", "bgcfnc"]);
    train(&place, &["--out", "x", "--set", "conditional=true", "--batch", "6"]).refused(2, &["groups of"]);
    train(&place, &["--out", "x", "--set", "classes=[\"a\"]"])
        .refused(2, &["stylegan.classes", "conditional"]);
    train(&place, &["--out", "x", "--set", "stylegan.width=7"]).refused(2, &["16x7", "such as 16x8"]);
    train(&place, &["--out", "x", "--set", "data.workers=100000"]).refused(2, &["data.workers", "1024"]);
    assert!(!place.path("x").exists());
    let dcgan = ["train", "dcgan", "--out", "d", "--data", "fashion-mnist-test"];
    place.gan(&[&dcgan[..], TINY, &["--size", "16"]].concat()).succeeded();
    place.gan(&["stylemix", "d"]).refused(2, &["a dcgan has no styles"]);
    place.gan(&["sample", "d", "--noise", "none"]).refused(2, &["a dcgan has no noise inputs"]);
    train(&place, &["--out", "still", "--images", "8", "--set", "noise=false"]).succeeded();
    place.gan(&["sample", "still", "--noise", "none"]).refused(2, &["trained without noise inputs"]);
}

#[test]
fn a_run_begins_with_another_s_weights() {
    let place = Place::new();
    train(&place, &["--out", "many", "--set", "ema.half_life_images=100"]).succeeded();
    let done =
        train(&place, &["--dry-run", "--set", "freeze_discriminator=1", "--set", "ada.p=0.5"]).succeeded();
    assert!(
        done.err.contains("without --from") && done.err.contains("names no augmentation"),
        "{}",
        done.err
    );
    let begin = |out: &str, more: &[&str]| {
        let images = ["--images", "16", "--data", "fashion-mnist-test", "--device", "cpu", "--threads", "1"];
        place.gan(&[&["train", "stylegan", "--from", "many", "--out", out], &images[..], more].concat())
    };
    let done = begin("few", &["--set", "freeze_discriminator=3"]).succeeded();
    assert!(done.err.contains("generator: all") && done.err.contains("discriminator: all"), "{}", done.err);
    let tensors_of = |run: &str, file: &str| {
        let path = newest(&place.path(run)).join(file);
        file::decode(&std::fs::read(&path).expect("a file"), &path).expect("tensors")
    };
    for (name, moves) in [
        ("b16.fromrgb.weight", false),
        ("b16.conv0.bias", false),
        ("b16.conv1.weight", false),
        ("b16.skip.weight", true),
        ("b4.out.weight", true),
    ] {
        let [before, after] = ["many", "few"].map(|run| {
            let all = tensors_of(run, "discriminator.safetensors");
            all.into_iter().find(|(other, _)| other == name).expect(name).1
        });
        assert_eq!(before != after, moves, "{name}");
    }
    // Stopped before its first checkpoint, a run begins as it did.
    let weights = |run: &str| tensors(&newest(&place.path(run)));
    let before = weights("few");
    std::fs::remove_dir_all(place.path("few/checkpoints")).expect("removed");
    place.gan(&["resume", "few"]).succeeded();
    assert!(before == weights("few"));
    place.gan(&["resume", "few", "--images", "32"]).succeeded();

    // Before the first step both are as they were; what classes need is new.
    let done = begin("classes", &["--set", "conditional=true"]).succeeded();
    assert!(done.err.contains("new are mapping.embed.weight"), "{}", done.err);

    begin("x", &["--set", "freeze_discriminator=8"]).refused(2, &["8 layers, of 7"]);
    begin("x", &["--set", "output=relu"]).refused(2, &["stylegan.output", "linear, tanh"]);
    place.gan(&["train", "stylegan", "--from", "none", "--out", "x"]).refused(1, &["none"]);
    place
        .gan(&["train", "dcgan", "--from", "many", "--out", "x"])
        .refused(2, &["of `stylegan`, not of `dcgan`"]);
    let preset = ["train", "stylegan1", "--from", "many", "--preset", "small-32", "--out", "x"];
    place.gan(&preset).refused(2, &["of `stylegan`, not of `stylegan1`"]);
    assert!(!place.path("x").exists(), "no run was begun");
}

#[test]
fn classes_are_learned_where_they_are_asked_for() {
    let place = Place::new();
    train(&place, &["--out", "run", "--set", "conditional=true"]).succeeded();
    place.gan(&["sample", "run", "--class", "3", "--count", "4", "--out", "three.png"]).succeeded();
    place
        .gan(&["interpolate", "run", "--seeds", "1", "--from-class", "1", "--to-class", "2", "--steps", "3"])
        .succeeded();
    place.gan(&["sample", "run", "--class", "dragon"]).refused(2, &["dragon"]);
}

#[test]
fn published_networks_are_imported_and_trained_on() {
    let place = Place::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../stylegan/tests/data/sg2_arch.pkl");
    let import = ["import", "stylegan2", file, "--data", "fashion-mnist-test", "--out", "run"];
    let done = place.gan(&import).succeeded();
    assert!(done.out.contains("images of 16 pixels of 3 classes"), "{}", done.out);
    place
        .gan(&["sample", "run", "--class", "2", "--psi", "0.7", "--count", "4", "--out", "a.png"])
        .succeeded();
    place.gan(&["stylemix", "run", "--rows", "1", "--cols", "2,3", "--out", "mix.png"]).succeeded();
    place.gan(&["directions", "run", "--count", "1", "--steps", "2", "--out", "moved.png"]).succeeded();
    place.gan(&["interpolate", "run", "--seeds", "1,2", "--steps", "2", "--out", "way"]).succeeded();
    assert!(is_png(&place.path("a.png")) && is_png(&place.path("mix.png")) && is_png(&place.path("way.png")));
    // The data has other classes than the networks were told.
    place.gan(&["resume", "run", "--images", "32"]).refused(2, &["stylegan.classes"]);

    std::fs::write(place.path("wicked.pkl"), b"\x80\x03cos\nsystem\nX\x04\x00\x00\x00rm *\x85R.")
        .expect("a file");
    place.gan(&["import", "stylegan2", "wicked.pkl"]).refused(1, &["`os.system`", "nothing of it was run"]);
    let old = b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81.";
    std::fs::write(place.path("old.pkl"), old).expect("a file");
    place.gan(&["import", "stylegan2", "old.pkl"]).refused(1, &["TensorFlow", "legacy.py"]);
    std::fs::write(place.path("cut.pkl"), &std::fs::read(file).expect("a file")[..5000]).expect("a file");
    place.gan(&["import", "stylegan2", "cut.pkl"]).refused(1, &["cut short", "download it again"]);
    std::fs::write(place.path("page.pkl"), b"<html>not found</html>").expect("a file");
    place.gan(&["import", "stylegan2", "page.pkl"]).refused(1, &["no pickle of networks"]);
    place.gan(&["import", "stylegan2", "none.pkl"]).refused(1, &["no such file"]);
    place.gan(&["import", "stylegan2", file, file]).refused(2, &["one file holds all networks"]);
    place.gan(&["import", "biggan", file, "--data", "x"]).refused(2, &["--data", "stylegan2"]);
    place.gan(&["import", "stylegun", file]).refused(2, &["stylegan2"]);
    assert!(!place.path("runs").exists());
}

/// The numbers in what `gan project` says of distances.
fn distances(done: &Done) -> Vec<f64> {
    let said = done.out.lines().find(|line| line.starts_with("distance")).expect("distances");
    said.split_whitespace().filter_map(|word| word.trim_end_matches(';').parse().ok()).collect()
}

#[test]
fn pictures_are_found_again() {
    let place = Place::new();
    train(&place, &["--out", "run"]).succeeded();
    place.gan(&["sample", "run", "--count", "1", "--seed", "7", "--single", "--out", "own"]).succeeded();
    let project = |out: &str, more: &[&str]| {
        let told = ["project", "run", "own/seed000007.png", "--steps", "200", "--threads", "1", "--out", out];
        place.gan(&[&told[..], more].concat())
    };
    let first = project("first", &["--seed", "3"]).succeeded();
    let [before, after, _] = distances(&first)[..] else { panic!("{}", first.out) };
    assert!(after < 0.25 * before, "{}", first.out);
    project("second", &["--seed", "3"]).succeeded();
    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a file");
    for name in ["projected.png", "w.safetensors", "strip.png"] {
        assert_eq!(bytes(&format!("first/{name}")), bytes(&format!("second/{name}")), "{name}");
    }
    project("third", &["--seed", "4", "--w-plus"]).succeeded();
    assert_ne!(bytes("first/w.safetensors"), bytes("third/w.safetensors"));
    assert!(is_png(&place.path("first/target.png")));
    place
        .gan(&["project", "run", "own/seed000007.png", "--steps", "2", "--class", "1"])
        .refused(2, &["class"]);
    place.gan(&["project", "run", "own/seed000007.png", "--steps", "2"]).succeeded();
    assert!(is_png(&place.path("run/projected/seed000007/projected.png")), "in the run's folder");

    train(&place, &["--out", "still", "--images", "8", "--set", "noise=false"]).succeeded();
    let found = place.gan(&["project", "still", "own/seed000007.png", "--steps", "2"]).succeeded();
    assert_eq!(distances(&found).len(), 2, "no noise of its own: {}", found.out);

    let w = ["--w", "first/w.safetensors"];
    let done = place.gan(&[&["sample", "run", "--out", "again.png"][..], &w].concat()).succeeded();
    assert!(!done.err.contains("another network"), "{}", done.err);
    let both = ["sample", "run", "--out", "near.png", "--psi", "0.5", "--w", "third/w.safetensors"];
    place.gan(&[&both[..], &w].concat()).succeeded();
    assert_ne!(bytes("again.png"), bytes("near.png"));
    place.gan(&[&["sample", "run", "--single", "--out", "apart"][..], &w].concat()).succeeded();
    assert!(is_png(&place.path("apart/w001-001.png")));
    place.gan(&[&["directions", "run", "--count", "1", "--out", "moved.png"][..], &w].concat()).succeeded();
    let way = ["interpolate", "run", "--steps", "3", "--out", "way", "--w", "third/w.safetensors"];
    place.gan(&[&way[..], &w].concat()).succeeded();
    assert!(is_png(&place.path("moved.png")) && is_png(&place.path("way.png")));

    // An image of another size and with colours.
    place.photos("photos", 2);
    let done = place.gan(&["project", "run", "photos/001.png", "--steps", "2", "--out", "x"]).succeeded();
    assert!(done.err.contains("20 x 20 pixels; its middle is resized to 16 x 16"), "{}", done.err);
    place.gan(&["project", "run", "photos", "--out", "x"]).refused(2, &["holds 2 images", "name one"]);
    place.gan(&["project", "run", "nothing.png", "--out", "x"]).refused(1, &["nothing.png"]);
    project("x", &["--steps", "0"]).refused(2, &["--steps"]);
    project("x", &["--psi", "0.5"]).refused(2, &["--psi"]);
    project("x", &["--extractor", "mobilenet"]).refused(2, &["gan data fetch mobilenet-v2"]);
    project("x", &["--extractor", "lpips"]).refused(2, &["--vgg", "--lpips", "vgg16-397923af.pth"]);
    place.gan(&[&["sample", "run", "--psi", "11"][..], &w].concat()).refused(2, &["from 0 to 10"]);
    place.gan(&[&["sample", "run", "--count", "3"][..], &w].concat()).refused(2, &["--count"]);
    place.gan(&[&["interpolate", "run"][..], &w].concat()).refused(2, &["--w", "at least two"]);

    train(&place, &["--out", "twin", "--seed", "2"]).succeeded();
    let done = place.gan(&[&["sample", "twin", "--out", "twin.png"][..], &w].concat()).succeeded();
    assert!(
        done.err.contains("first/w.safetensors: these styles were found in another network"),
        "{}",
        done.err
    );
    train(&place, &["--out", "other", "--set", "style=8"]).succeeded();
    place.gan(&[&["sample", "other"][..], &w].concat()).refused(1, &["styles of shape", "another's"]);
    place.gan(&["sample", "run", "--w", "own/seed000007.png"]).refused(1, &["safetensors"]);
    let dcgan = ["train", "dcgan", "--out", "d", "--data", "fashion-mnist-test"];
    place.gan(&[&dcgan[..], TINY, &["--size", "16"]].concat()).succeeded();
    place.gan(&["project", "d", "own/seed000007.png"]).refused(2, &["d: is a dcgan", "of a stylegan"]);
    place.gan(&[&["sample", "d"][..], &w].concat()).refused(2, &["a dcgan has no styles"]);
}
