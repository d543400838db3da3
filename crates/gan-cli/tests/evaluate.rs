//! `gan evaluate`: a generator against its data, two sets of images, statistics in a file, and what cannot be scored.

mod support;

use gan_core::device::DevicePolicy;
use gan_metrics::extract::Clothes;
use gan_metrics::{Extract, Gaussian};
use serde_json::Value;
use std::path::Path;
use support::Place;
use tch::{Device, Kind, Tensor};

/// So many grey pictures of 28 x 28 from the built-in set, from the n-th on.
fn pictures(folder: &Path, first: usize, count: usize) -> Tensor {
    std::fs::create_dir_all(folder).expect("a folder");
    let set = gan_data::DataSet::open("fashion-mnist-test", &gan_data::Options::default())
        .expect("the built-in set");
    let mut all = Vec::new();
    for index in first..first + count {
        let bytes = set.load(index).expect("an image");
        let picture = image::GrayImage::from_raw(28, 28, bytes.clone()).expect("28 x 28");
        picture.save(folder.join(format!("{index:05}.png"))).expect("a PNG");
        all.extend(bytes);
    }
    Tensor::from_data_size(&all, &[count as i64, 1, 28, 28], Kind::Uint8)
}

fn scores(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn score(facts: &Value, name: &str) -> f64 {
    let rows = facts["scores"].as_array().expect("scores");
    let row = rows.iter().find(|row| row["score"] == name).unwrap_or_else(|| panic!("no {name} in {facts}"));
    row["value"].as_f64().expect("a number")
}

#[test]
fn a_run_is_scored_against_its_data() {
    let place = Place::new();
    place.finished_run();
    let evaluate = ["evaluate", "run", "--count", "80", "--metrics", "all", "--threads", "1"];
    let done = place.gan(&evaluate).succeeded();
    let table = &done.out;
    for part in [
        "generated  80 samples of run after 64 images",
        "seeds from 1, no truncation",
        "real       80 of fashion-mnist-test: 10000 images, 16 x 16 x 1",
        "a classifier of Fashion-MNIST and not Inception",
        "floor      40 real images against 40 others",
        "fid (clothes)",
        "precision (clothes)",
        "real on real",
        "wrote run/scores/000000064-clothes.json",
    ] {
        assert!(table.contains(part), "no `{part}` in\n{table}");
    }
    assert!(done.err.contains("80 images for 128 dimensions"), "{}", done.err);
    let written = std::fs::read_to_string(place.path("run/scores/000000064-clothes.json")).expect("the JSON");
    let facts = scores(&written);
    for name in
        ["fid", "fid-infinity", "kid", "is", "precision", "recall", "density", "coverage", "swd", "ppl"]
    {
        assert!(score(&facts, name).is_finite(), "{name}");
    }
    assert!(score(&facts, "ppl") > 0.0, "{facts}");
    assert!(score(&facts, "fid") > 2.0 * facts["scores"][0]["floor"].as_f64().expect("a floor"), "{facts}");
    // Nothing depends on what was kept from the time before, but for roundings of sums in other orders.
    assert!(place.path("data-cache/features").read_dir().expect("kept features").count() == 1);
    for more in [&["--json"][..], &["--json", "--no-cache"]] {
        let again = place.gan(&[&evaluate[..], more].concat());
        let again = scores(&again.succeeded().out);
        assert_eq!(again["protocol"], facts["protocol"]);
        for row in facts["scores"].as_array().expect("scores") {
            let (name, value) =
                (row["score"].as_str().expect("a name"), row["value"].as_f64().expect("a number"));
            let same = score(&again, name);
            assert!((same - value).abs() <= 1e-6 * value.abs().max(1e-3), "{name}: {same} and {value}");
        }
    }
    let other = place.gan(&[&evaluate[..], &["--json", "--seed", "1000"]].concat());
    assert_ne!(score(&scores(&other.succeeded().out), "fid"), score(&facts, "fid"));
}

#[test]
fn two_folders_and_statistics_are_compared() {
    let place = Place::new();
    let first = pictures(&place.path("a"), 0, 150);
    drop(pictures(&place.path("b"), 150, 150));
    std::fs::write(place.path("b/broken.png"), b"no picture").expect("a file");
    std::fs::write(place.path("b/notes.txt"), b"no picture").expect("a file");
    let fid = |arguments: &[&str]| {
        let done = place.gan(&[&["evaluate"], arguments, &["--metrics", "fid", "--json"]].concat());
        let done = done.succeeded();
        (score(&scores(&done.out), "fid"), done.err)
    };
    let (apart, said) = fid(&["a", "--against", "b"]);
    assert!(said.contains("1 that cannot be read left out") && said.contains("broken.png"), "{said}");
    assert!(apart > 0.1);
    let (same, said) = fid(&["a", "--against", "a"]);
    assert!(same.abs() < 1e-6 && said.contains("both sides are a"), "{same}: {said}");
    let (back, _) = fid(&["b", "--against", "a"]);
    assert!((apart - back).abs() < 1e-6 * apart, "{apart} and {back}");

    let policy = DevicePolicy::resolve("cpu", "f32", 1).expect("a policy");
    let features = Clothes::new(&policy).expect("the extractor").extract(&first).expect("features").pooled;
    let mut gaussian = Gaussian::new(Clothes::DIMENSIONS).expect("memory");
    gaussian.push(&features).expect("features");
    let arrays =
        [("mu", gaussian.mean().expect("mean")), ("sigma", gaussian.covariance().expect("covariance"))];
    Tensor::write_npz(&arrays, place.path("a.npz")).expect("a file");
    let (from_file, _) = fid(&["b", "--against", "a.npz"]);
    assert!((from_file - apart).abs() < 1e-6 * apart, "{from_file} and {apart}");

    // Colour and another size are taken, and said.
    std::fs::create_dir(place.path("c")).expect("a folder");
    for index in 0..4u8 {
        let picture = image::RgbImage::from_fn(40, 20, |x, y| image::Rgb([x as u8, y as u8, 60 * index]));
        picture.save(place.path(&format!("c/{index}.png"))).expect("a PNG");
    }
    let (_, said) = fid(&["c", "--against", "a"]);
    for part in [
        "the generated are in colour and the real grey",
        "40 x 20 and the real 28 x 28",
        "4 images for 128 dim",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

#[test]
fn images_are_compared_with_their_partners() {
    let place = Place::new();
    drop(pictures(&place.path("real"), 0, 30));
    drop(pictures(&place.path("fake"), 0, 20));
    // Another ending, colour, and a name that is in one folder only.
    let picture = image::open(place.path("fake/00003.png")).expect("a picture");
    picture.to_rgb8().save(place.path("fake/00003.bmp")).expect("a BMP");
    std::fs::remove_file(place.path("fake/00003.png")).expect("a file");
    picture.save(place.path("fake/stranger.png")).expect("a PNG");
    // One differs by 51 levels everywhere: 20 log10(255 / 51).
    let flat = |name: &str, level| {
        image::GrayImage::from_pixel(28, 28, image::Luma([level])).save(place.path(name)).expect("a PNG");
    };
    flat("real/00007.png", 100);
    flat("fake/00007.png", 151);
    let evaluate = |more: &[&str]| {
        let done =
            place.gan(&[&["evaluate", "fake", "--against", "real", "--json", "--metrics"], more].concat());
        let done = done.succeeded();
        (scores(&done.out), done.err)
    };
    let (facts, said) = evaluate(&["psnr,ssim"]);
    let expected = (19.0 * 100.0 + 20.0 * 5f64.log10()) / 20.0;
    assert!((score(&facts, "psnr") - expected).abs() < 1e-9, "{facts}");
    assert!(score(&facts, "ssim") > 0.9 && score(&facts, "ssim") < 1.0);
    assert_eq!(facts["extractor"], "pixels");
    assert_eq!(
        facts["protocol"]["pairs"],
        "20 by their files' names, of which 19 are equal, psnr 100 dB; spread: the mean's standard error; ssim: Gaussian window of 11 x 11, per channel"
    );
    for part in [
        "1 of fake have no partner and are left out of pairs: stranger",
        "10 of real have no partner and are left out of pairs: 00020, 00021, 00022, ...",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let (facts, _) = evaluate(&["retrieval,fid,psnr", "--extractor", "clothes"]);
    assert!(score(&facts, "retrieval top-1") >= 0.9 && score(&facts, "retrieval top-10") >= 0.95, "{facts}");
    assert!(score(&facts, "fid") > 0.0 && (score(&facts, "psnr") - expected).abs() < 1e-9);
}

#[test]
fn what_cannot_be_scored_is_said_in_one_sentence() {
    let place = Place::new();
    drop(pictures(&place.path("a"), 0, 20));
    drop(pictures(&place.path("one"), 0, 1));
    std::fs::create_dir(place.path("empty")).expect("a folder");
    std::fs::write(place.path("wrong.pth"), b"<html>").expect("a file");
    std::fs::write(place.path("wrong.npz"), b"<html>").expect("a file");
    let zeros = Tensor::zeros([3], (Kind::Double, Device::Cpu));
    Tensor::write_npz(&[("mu", &zeros)], place.path("half.npz")).expect("a file");
    let small = [("mu", &zeros), ("sigma", &Tensor::eye(3, (Kind::Double, Device::Cpu)))];
    Tensor::write_npz(&small, place.path("small.npz")).expect("a file");
    drop(pictures(&place.path("others"), 40, 3));
    drop(pictures(&place.path("twice"), 0, 2));
    std::fs::copy(place.path("twice/00001.png"), place.path("twice/00001.bmp")).expect("a file");
    std::fs::create_dir(place.path("large")).expect("a folder");
    image::GrayImage::new(30, 28).save(place.path("large/00002.png")).expect("a PNG");
    std::fs::create_dir(place.path("tiny")).expect("a folder");
    image::GrayImage::new(8, 9).save(place.path("tiny/00002.png")).expect("a PNG");
    for (code, arguments, sentence) in [
        (
            2,
            &["a", "--against", "others", "--metrics", "psnr"][..],
            "no file of a has the name of one of others (endings apart): 00000, 00001, 00002, ...",
        ),
        (1, &["twice", "--against", "a", "--metrics", "psnr"], "has the name of twice/00001"),
        (
            2,
            &["large", "--against", "a", "--metrics", "psnr"],
            "large/00002.png is 30 x 28 and its partner a/00002.png 28 x 28; pairs must have one size",
        ),
        (
            2,
            &["tiny", "--against", "tiny", "--metrics", "ssim"],
            "ssim: images of 8 x 9 are smaller than its window of 11 x 11; leave it out",
        ),
        (2, &["a", "--against", "small.npz", "--metrics", "psnr"], "small.npz is no folder or zip of images"),
        (
            2,
            &["a", "--against", "a", "--metrics", "fid,feature-distance"],
            "--metrics feature-distance: the extractor clothes shows no depths; use --extractor mobilenet",
        ),
        (
            2,
            &["a", "--against", "a", "--metrics", "feature-distance", "--extractor", "mobilenet"],
            "its weights are not here; run `gan data fetch mobilenet-v2`",
        ),
        (1, &["a", "--against", "a", "--extractor", "mobilenet", "--mobilenet", "wrong.pth"], "wrong.pth"),
        (1, &["nothing", "--against", "a"], "nothing"),
        (2, &["a"], "name the real images with --against"),
        (1, &["empty", "--against", "a"], "empty"),
        (
            1,
            &["one", "--against", "a"],
            "one: has 1 images that can be read; a comparison needs two at least",
        ),
        (
            2,
            &["a", "--against", "a", "--metrics", "fit"],
            "--metrics fit: there is no such score, did you mean fid?",
        ),
        (
            2,
            &["a", "--against", "a", "--metrics", "fid-per-class"],
            "--metrics fid-per-class: a has no classes",
        ),
        (
            2,
            &["a", "--against", "a", "--extractor", "inception"],
            "its weights are not here; download https://",
        ),
        (1, &["a", "--against", "a", "--inception", "wrong.pth"], "wrong.pth"),
        (1, &["a", "--against", "a", "--extractor", "wrong.pth"], "wrong.pth: is no TorchScript module"),
        (
            2,
            &["a", "--against", "a", "--extractor", "incepton"],
            "--extractor incepton: there is no such file",
        ),
        (1, &["a", "--against", "wrong.npz", "--metrics", "fid"], "wrong.npz: is no readable .npz"),
        (1, &["a", "--against", "half.npz", "--metrics", "fid"], "half.npz: has no array `sigma`"),
        (
            1,
            &["a", "--against", "small.npz", "--metrics", "fid"],
            "small.npz: holds statistics of 3 dimensions; the features have 128",
        ),
        (2, &["a", "--against", "a", "--metrics", "ppl"], "--metrics ppl: a is no generator"),
        (2, &["a", "--against", "small.npz", "--metrics", "swd"], "statistics without images"),
        (2, &["a", "--against", "small.npz"], "statistics without images give the Fréchet distance alone"),
    ] {
        place.gan(&[&["evaluate"], arguments].concat()).refused(code, &[sentence]);
    }
}
