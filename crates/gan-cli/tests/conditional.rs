//! A conditional GAN from folders of classes to pictures of a class, animations between two, and a filled-up data set.

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Done, Place, TINY, newest, tensors};

/// Three classes with awkward names, of 20, 12 and 12 small grey pictures that differ in brightness.
fn clothes(place: &Place, name: &str) {
    for (class, count, level) in [("Ankle boot", 20u8, 30u8), ("été", 12, 120), ("Sandal", 12, 220)] {
        let folder = place.path(name).join(class);
        std::fs::create_dir_all(&folder).expect("folder");
        for index in 0..count {
            let pixel = |x: u32, y: u32| image::Luma([level.saturating_add(index + (x + y) as u8)]);
            image::GrayImage::from_fn(16, 16, pixel)
                .save(folder.join(format!("{index:03}.png")))
                .expect("PNG");
        }
    }
}

fn train(place: &Place, more: &[&str]) -> Done {
    place.gan(&[&["train", "cgan"], TINY, more].concat())
}

fn finished(place: &Place) {
    clothes(place, "clothes");
    train(place, &["--data", "clothes", "--out", "run"]).succeeded();
}

fn picture(path: &Path) -> image::DynamicImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn classes_are_asked_for_by_name() {
    let place = Place::new();
    finished(&place);
    let config = std::fs::read_to_string(place.path("run/config.toml")).expect("config");
    assert!(config.contains("\"Ankle boot\"") && config.contains("\"été\""), "{config}");

    let sample = |name: &str, more: &[&str]| {
        let out = format!("{name}.png");
        place.gan(&[&["sample", "run", "--count", "4", "--out", &out], more].concat()).succeeded();
        std::fs::read(place.path(&out)).expect("a sheet")
    };
    let boots = sample("boots", &["--class", "Ankle boot"]);
    assert_eq!(boots, sample("zero", &["--class", "0"]), "its number is the same class");
    assert_eq!(boots, sample("lower", &["--class", "ankle boot"]));
    assert_ne!(boots, sample("other", &["--class", "été"]));
    sample("rows", &["--classes", "all"]);
    let (rows, one) = (picture(&place.path("rows.png")), picture(&place.path("boots.png")));
    assert!(rows.height() > one.height(), "a row for each of three classes");
    sample("two", &["--classes", "été,Sandal"]);

    for (arguments, words) in [
        (&["--class", "sandals"][..], &["did you mean Sandal?", "Ankle boot, Sandal, été"][..]),
        (&["--class", "3"], &["not trained on such a class"]),
        (&["--class", "none"], &["label_dropout"]),
        (&["--classes", "all,x"], &["--classes all"]),
        (&["--attribute", "tilt=1"], &["knows no attributes"]),
        (&["--classes", "all", "--class", "0"], &["cannot be used with"]),
    ] {
        let done = place.gan(&[&["sample", "run"], arguments].concat());
        done.refused(2, words);
    }
}

#[test]
fn the_way_between_two_classes_is_shown() {
    let place = Place::new();
    finished(&place);
    let classes = ["--from-class", "Sandal", "--to-class", "été", "--steps", "5", "--out", "way"];
    let done = place.gan(&[&["interpolate", "run", "--seeds", "7"][..], &classes].concat()).succeeded();
    assert!(done.out.contains("way.png") && done.out.contains("way.gif"), "{}", done.out);
    let way = picture(&place.path("way.png")).to_luma8();
    let column = |at: u32| {
        let side = way.width() / 5;
        image::imageops::crop_imm(&way, at * side, 0, side, way.height()).to_image().into_raw()
    };
    assert_ne!(column(0), column(4), "one seed, two classes");
    let sheet = |class: &str| {
        let arguments =
            ["interpolate", "run", "--seeds", "7,7", "--class", class, "--steps", "2", "--out", "one"];
        place.gan(&arguments).succeeded();
        std::fs::read(place.path("one.png")).expect("a strip")
    };
    assert_ne!(sheet("Sandal"), sheet("été"));
    // There and back, so that a loop has no jump.
    place.gan(&[&["interpolate", "run", "--seeds", "7", "--loop"][..], &classes].concat()).succeeded();
    let there = picture(&place.path("way.png")).to_luma8();
    let half = image::imageops::crop_imm(&there, 0, 0, there.width(), there.height() / 2).to_image();
    assert_ne!(half.into_raw()[..], there.into_raw()[..]);
    let refused = |arguments: &[&str], words: &[&str]| {
        place.gan(&[&["interpolate", "run"], arguments].concat()).refused(2, words);
    };
    refused(&["--from-class", "Sandal", "--to-class", "x"], &["--to-class x"]);
    refused(&["--seeds", "7"], &["at least two"]);
    refused(&["--attribute", "tilt=0..1"], &["knows no attributes"]);
}

#[test]
fn a_conditional_run_is_resumed_exactly() {
    let place = Place::new();
    finished(&place);
    train(&place, &["--data", "clothes", "--out", "parts", "--images", "32"]).succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    let last = |run: &str| tensors(&newest(&place.path(run)));
    assert_eq!(last("run"), last("parts"));
    // Other classes under the same path are not gone on with.
    std::fs::rename(place.path("clothes/Sandal"), place.path("clothes/Slipper")).expect("rename");
    place.gan(&["resume", "parts", "--images", "96"]).refused(2, &["the data has Ankle boot, Slipper, été"]);
}

#[test]
fn a_set_is_filled_up_and_scored() {
    let place = Place::new();
    finished(&place);
    let filled = place.gan(&["augment", "run", "--per-class", "15", "--out", "filled"]).succeeded();
    assert!(filled.out.contains("wrote 50 images to filled, 6 of them generated"), "{}", filled.out);
    assert!(filled.err.contains("1 of 3 classes have 15 real images or more"), "{}", filled.err);
    let count = |folder: &str, begin: &str| {
        let entries = std::fs::read_dir(place.path(folder)).expect("a folder").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin)).count()
    };
    assert_eq!((count("filled/Ankle boot", "real"), count("filled/Ankle boot", "generated")), (20, 0));
    assert_eq!((count("filled/été", "real"), count("filled/été", "generated")), (12, 3));
    let real = picture(&place.path("filled/Sandal/real-000001.png"));
    assert_eq!(real.to_luma8(), picture(&place.path("clothes/Sandal/000.png")).to_luma8());

    let only = ["augment", "run", "--per-class", "4", "--generated-only", "--out", "made"];
    place.gan(&only).succeeded();
    assert_eq!((count("made/Sandal", "real"), count("made/Sandal", "generated")), (0, 4));
    let export = ["data", "export", "clothes", "--per-class", "5", "--out", "few"];
    assert!(place.gan(&export).succeeded().out.contains("wrote 15 images to few"));
    assert_eq!((count("few/été", "image"), count("few/Ankle boot", "image")), (5, 5));
    place.gan(&export).refused(2, &["there is something already"]);
    place.photos("photos", 3);
    place.gan(&["data", "export", "photos", "--out", "flat"]).succeeded();
    assert_eq!(count("flat", "image"), 3);
    place.gan(&["data", "export", "photos", "--per-class", "2", "--out", "none"]).refused(2, &["no classes"]);
    // What was written is a data set like any other.
    let inspected = place.gan(&["data", "inspect", "filled"]).succeeded().out;
    assert!(inspected.contains("50 ") && inspected.contains("Ankle boot: 20"), "{inspected}");

    let score = ["augment", "run", "--per-class", "30", "--score", "--test", "clothes", "--shown", "600"];
    let table = place.gan(&[&score[..], &["--classifiers", "2"]].concat()).succeeded().out;
    for words in ["44 real test images", "real and generated", "±", "classes filled up"] {
        assert!(table.contains(words), "{words} in {table}");
    }
    let json = place.gan(&[&score[..], &["--classifiers", "2", "--json"]].concat()).succeeded().out;
    let facts: Value = serde_json::from_str(&json).expect("JSON");
    let of_real = facts["rows"][0]["accuracies"][1].as_f64().expect("an accuracy");
    assert!(of_real > 0.9, "brightness is easily learned: {facts}");
    assert_eq!(facts["rows"][2]["images"], 90);
}

#[test]
fn what_cannot_be_augmented_is_said_in_one_sentence() {
    let place = Place::new();
    finished(&place);
    let refused = |code: i32, arguments: &[&str], words: &[&str]| {
        place.gan(&[&["augment", "run", "--per-class", "5"], arguments].concat()).refused(code, words);
    };
    refused(2, &["--out", "clothes"], &["there is something already"]);
    refused(2, &["--score"], &["clothes has no test images", "--test"]);
    place.photos("photos/cat", 3);
    place.photos("photos/dog", 3);
    refused(1, &["--data", "photos", "--out", "x"], &["has a class `cat`", "Ankle boot"]);
    refused(1, &["--data", "nowhere", "--out", "x"], &["nowhere"]);
    place.train(&["--out", "plain"]).succeeded();
    let plain = place.gan(&["augment", "plain", "--per-class", "5", "--out", "x"]);
    plain.refused(2, &["knows no classes"]);
}

#[test]
fn data_that_a_conditional_gan_cannot_learn_from_is_refused() {
    let place = Place::new();
    place.photos("loose", 12);
    train(&place, &["--data", "loose"]).refused(2, &["no classes", "a folder of its own"]);
    place.photos("one/cat", 12);
    place.photos("one/.hidden", 0);
    train(&place, &["--data", "one"]).refused(2, &["no classes"]);
    clothes(&place, "clothes");
    train(&place, &["--data", "clothes", "--set", "cgan.classes=[\"a\",\"b\"]"])
        .refused(2, &["cgan.classes: are a, b, but the data has"]);
    train(&place, &["--data", "clothes", "--set", "condition=attributes"]).refused(2, &["attributes.csv"]);
    assert!(!place.path("runs").exists(), "no run folder was begun");
}

#[test]
fn class_scores_stand_beside_those_of_real_images() {
    let place = Place::new();
    train(&place, &["--out", "run"]).succeeded();
    let metrics =
        ["evaluate", "run", "--count", "200", "--metrics", "class-diversity,class-accuracy,fid-per-class"];
    let table = place.gan(&[&metrics[..], &["--threads", "1"]].concat()).succeeded().out;
    for words in ["class-diversity (clothes)", "class-accuracy (clothes)", "fid of Ankle boot"] {
        assert!(table.contains(words), "{words} in {table}");
    }
    place
        .gan(&["evaluate", "run", "--against", "held-out", "--metrics", "fid"])
        .refused(2, &["data.holdout"]);
    clothes(&place, "others");
    train(&place, &["--data", "others", "--out", "strangers"]).succeeded();
    let strangers = ["evaluate", "strangers", "--metrics", "class-accuracy", "--count", "40"];
    place.gan(&strangers).refused(2, &["the extractor's classes are others"]);
    place.train(&["--out", "plain"]).succeeded();
    place.gan(&["evaluate", "plain", "--metrics", "fid,fid-per-class"]).refused(2, &["plain has no classes"]);
}

/// Classes are numbered by the names of folders in one set, as Zalando did in the other.
#[test]
fn classes_meet_by_name() {
    let place = Place::new();
    train(&place, &["--out", "run", "--set", "size=32", "--images", "16"]).succeeded();
    place
        .gan(&["data", "export", "fashion-mnist-test", "--per-class", "20", "--size", "32", "--out", "few"])
        .succeeded();
    let metrics = ["--metrics", "class-accuracy,class-diversity", "--count", "200", "--json"];
    let accuracy = |arguments: &[&str]| {
        let json = place.gan(&[&["evaluate"], arguments, &metrics].concat()).succeeded().out;
        let facts: Value = serde_json::from_str(&json).expect("JSON");
        facts["scores"][0]["floor"].as_f64().expect("of real images")
    };
    let (own, folders) = (accuracy(&["run"]), accuracy(&["run", "--against", "few"]));
    assert!(own > 0.8 && folders > 0.8, "{own} and {folders}");
    assert!(accuracy(&["few", "--against", "few"]) > 0.8);
}

#[test]
fn attributes_are_learned_asked_for_and_gone_through() {
    let place = Place::new();
    let folder = place.path("levels");
    std::fs::create_dir_all(&folder).expect("folder");
    let mut table = "file,level,dot\n".to_owned();
    for index in 0..24u8 {
        let level = f32::from(index) / 40.0 + 0.3;
        let pixel =
            |x: u32, _| image::Luma([if x < 4 && index % 2 == 1 { 255 } else { (level * 200.0) as u8 }]);
        image::GrayImage::from_fn(16, 16, pixel).save(folder.join(format!("{index}.png"))).expect("PNG");
        table += &format!("{index}.png,{level},{}\n", index % 2);
    }
    std::fs::write(folder.join("attributes.csv"), table).expect("a table");
    let attributes = ["--data", "levels", "--preset", "attributes-32"];
    train(&place, &[&attributes[..], &["--out", "run"]].concat()).succeeded();
    train(&place, &[&attributes[..], &["--out", "parts", "--images", "32"]].concat()).succeeded();
    place.gan(&["resume", "parts", "--images", "64"]).succeeded();
    let last = |run: &str| tensors(&newest(&place.path(run)));
    assert_eq!(last("run"), last("parts"));

    let sample = |name: &str, more: &[&str]| {
        let out = format!("{name}.png");
        place.gan(&[&["sample", "run", "--count", "2", "--out", &out], more].concat()).succeeded();
        std::fs::read(place.path(&out)).expect("a sheet")
    };
    assert_eq!(sample("drawn", &[]), sample("again", &[]), "what is not given is a matter of the seed");
    let dark = sample("dark", &["--attribute", "level=0.3", "--attribute", "dot=0"]);
    assert_ne!(dark, sample("bright", &["--attribute", "level=0.875", "--attribute", "dot=0"]));
    place
        .gan(&["interpolate", "run", "--seeds", "1", "--attribute", "level=0.3..0.875", "--steps", "3"])
        .succeeded();
    assert!(place.path("run/generated/interpolation-1-1-level=0.3..0.875.png").is_file());
    let scored = place.gan(&["evaluate", "run", "--metrics", "fid,swd,ppl", "--count", "20"]).succeeded().out;
    assert!(scored.contains("attributes as of the real images"), "{scored}");
    for (arguments, words) in [
        (&["--attribute", "level=0.2"][..], "from 0.3 to 0.875"),
        (&["--attribute", "levl=0.5"], "did you mean level?"),
        (&["--class", "0"], "knows no classes"),
        (&["--classes", "all"], "knows no classes"),
    ] {
        place.gan(&[&["sample", "run"], arguments].concat()).refused(2, &[words]);
    }
    place.gan(&["augment", "run", "--per-class", "2", "--out", "x"]).refused(2, &["train a cgan on classes"]);
    train(&place, &["--data", "levels"]).refused(2, &["condition=attributes"]);
}
