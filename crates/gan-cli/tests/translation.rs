//! Images to images: two domains, given pairs, every task; interrupted, resumed, translated, imported.

mod support;

use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use std::path::{Path, PathBuf};
use support::{Done, Place, checkpoints, tensors};

/// Networks of a few hundred parameters, 6 steps; a report every step, checkpoints after steps 2, 4 and 6.
const TINY: &[&str] = &[
    "--size",
    "32",
    "--batch",
    "1",
    "--images",
    "6",
    "--device",
    "cpu",
    "--precision",
    "f32",
    "--threads",
    "1",
    "--set",
    "generator_width=2",
    "--set",
    "discriminator_width=2",
    "--set",
    "discriminator_layers=2",
    // The presets' rates fall with the length of the run: two halves would not be one whole.
    "--set",
    "generator_optimizer.lr_schedule.end=0",
    "--set",
    "discriminator_optimizer.lr_schedule.end=0",
    "--set",
    "report_images=1",
    "--set",
    "preview_images=3",
    "--set",
    "checkpoint_images=2",
    "--set",
    "evaluate_images=3",
];

fn train(place: &Place, variant: &str, more: &[&str]) -> Done {
    place.gan(&[&["train", variant], TINY, more].concat())
}

/// A folder of pictures of one colour with a square in another one.
fn squares(folder: &Path, names: &[&str], colour: [u8; 3], size: u32) {
    std::fs::create_dir_all(folder).expect("folder");
    for (at, name) in names.iter().enumerate() {
        let at = 3 * at as u32;
        let inside = |x: u32, y: u32| (at..at + 9).contains(&x) && (4..13).contains(&y);
        let picture =
            RgbImage::from_fn(size, size, |x, y| if inside(x, y) { Rgb(colour) } else { Rgb([250; 3]) });
        picture.save(folder.join(format!("{name}.png"))).expect("PNG");
    }
}

fn domains(place: &Place) {
    squares(&place.path("red"), &["a", "b", "c"], [200, 30, 30], 40);
    squares(&place.path("blue"), &["d", "e", "f", "g"], [30, 30, 200], 36);
}

fn size_of(path: PathBuf) -> (u32, u32) {
    image::image_dimensions(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn two_domains_are_learned_resumed_and_translated() {
    let place = Place::new();
    domains(&place);
    let two = ["--domain-a", "red", "--domain-b", "blue", "--set", "generator=resnet_6", "--set", "pool=2"];
    let done = train(&place, "cyclegan", &[&two[..], &["--out", "whole"]].concat()).succeeded();
    assert!(done.out.contains("gan translate whole IMAGES"), "{}", done.out);
    assert_eq!(checkpoints(&place.path("whole")), ["000000002", "000000004", "000000006"]);
    // Real, fake, back again, identity: four columns, for each direction.
    for file in ["samples/real.png", "samples/000000003.png", "samples/000000006-b2a.png", "curves.png"] {
        assert!(size_of(place.path("whole").join(file)).0 > 100, "{file}");
    }

    let info = place.gan(&["info", "whole"]).succeeded().out;
    assert!(info.contains("A: ") && info.contains("32 x 32, 3 to 3 channels"), "{info}");

    // Pools and the order of both domains are part of what is saved.
    train(&place, "cyclegan", &[&two[..], &["--out", "parts", "--images", "4"]].concat()).succeeded();
    place.gan(&["resume", "parts", "--images", "6"]).succeeded();
    let last = |run: &str| tensors(&place.path(run).join("checkpoints/000000006"));
    assert!(last("whole") == last("parts"), "pools, orders and moments are as if never interrupted");

    let large = RgbImage::from_fn(150, 97, |x, y| Rgb([x as u8, y as u8, 90]));
    large.save(place.path("large.png")).expect("PNG");
    place.gan(&["translate", "whole", "red", "large.png", "--out", "made"]).succeeded();
    assert_eq!(size_of(place.path("made/a.png")), (40, 40));
    assert_eq!(size_of(place.path("made/large.png")), (150, 97));
    place
        .gan(&["translate", "whole", "blue", "--direction", "b2a", "--compare", "--out", "back"])
        .succeeded();
    assert_eq!(size_of(place.path("back/g.png")), (72, 36), "given beside made");
    for folder in ["nested/one", "nested/two"] {
        squares(&place.path(folder), &["a"], [90, 200, 30], 40);
    }
    place.gan(&["translate", "whole", "nested", "--out", "kept"]).succeeded();
    assert!(place.path("kept/one/a.png").is_file() && place.path("kept/two/a.png").is_file());
    place.gan(&["translate", "whole", "nested/one", "red"]).refused(2, &["under one name"]);
    let tiled = ["translate", "whole", "large.png", "--tile=64", "--overlap", "16", "--out", "tiled"];
    place.gan(&tiled).succeeded();
    assert_eq!(size_of(place.path("tiled/large.png")), (150, 97));
}

#[test]
fn domains_of_other_channels_and_rectangles_go() {
    let place = Place::new();
    squares(&place.path("set/trainA"), &["a", "b"], [200, 30, 30], 40);
    std::fs::create_dir_all(place.path("set/trainB")).expect("folder");
    for name in ["c", "d"] {
        GrayImage::from_pixel(40, 40, Luma([90]))
            .save(place.path(&format!("set/trainB/{name}.png")))
            .expect("PNG");
    }
    squares(&place.path("set/testA"), &["e"], [90, 200, 30], 40);
    squares(&place.path("set/testB"), &["f"], [90, 90, 90], 40);
    let wide = ["--data", "set", "--set", "cyclegan.width=36", "--set", "generator=unet_32", "--out", "run"];
    let done = train(&place, "cyclegan", &wide).succeeded();
    assert!(done.err.contains("3 and 1 channels"), "{}", done.err);
    place.gan(&["translate", "run", "set/testA", "--out", "made"]).succeeded();
    let picture = image::open(place.path("made/e.png")).expect("PNG");
    assert_eq!((picture.width(), picture.height(), picture.color().channel_count()), (40, 40, 1));
}

#[test]
fn transparency_is_seen_where_it_was_learned() {
    let place = Place::new();
    for (folder, name) in [("glass", "a"), ("steel", "b")] {
        std::fs::create_dir_all(place.path(folder)).expect("folder");
        let picture = RgbaImage::from_fn(40, 40, |x, y| Rgba([9, 90, 200, (x * y % 256) as u8]));
        picture.save(place.path(&format!("{folder}/{name}.png"))).expect("PNG");
    }
    let two = ["--domain-a", "glass", "--domain-b", "steel", "--channels", "4", "--set", "generator=unet_32"];
    train(&place, "cyclegan", &[&two[..], &["--out", "run"]].concat()).succeeded();
    place.gan(&["translate", "run", "glass", "--compare", "--out", "made"]).succeeded();
    let [given, made] =
        ["glass/a.png", "made/a.png"].map(|name| image::open(place.path(name)).expect("PNG").to_rgba8());
    assert!((0..40).all(|x| given.get_pixel(x, 7)[3] == made.get_pixel(x, 7)[3]), "its own alpha");
}

#[test]
fn given_pairs_are_learned() {
    let place = Place::new();
    squares(&place.path("sketches"), &["a", "b", "c"], [0, 0, 0], 40);
    squares(&place.path("pictures"), &["a", "b", "c"], [200, 100, 0], 40);
    let two = ["--domain-a", "sketches", "--domain-b", "pictures", "--set", "generator=unet_32"];
    train(&place, "pix2pix", &[&two[..], &["--out", "run"]].concat()).succeeded();
    place.gan(&["translate", "run", "sketches", "--out", "made"]).succeeded();
    assert_eq!(size_of(place.path("made/c.png")), (40, 40));
    place.gan(&["translate", "run", "sketches", "--direction", "b2a"]).refused(2, &["one way", "a2b"]);

    // A beside B in one picture.
    std::fs::create_dir_all(place.path("facades")).expect("folder");
    for name in ["a", "b"] {
        let pair = RgbImage::from_fn(80, 40, |x, _| if x < 40 { Rgb([0; 3]) } else { Rgb([200, 100, 0]) });
        pair.save(place.path(&format!("facades/{name}.png"))).expect("PNG");
    }
    let falling = [
        "--set",
        "generator_optimizer.lr_schedule.begin=3",
        "--set",
        "generator_optimizer.lr_schedule.end=6",
    ];
    let facades = ["--data", "facades", "--set", "generator=unet_32", "--out", "two"];
    let done = train(&place, "pix2pix", &[&facades[..], &falling].concat()).succeeded();
    assert!(!done.out.contains("gan resume"), "rates that have fallen teach nothing more: {}", done.out);
    let done = place.gan(&["resume", "two", "--images", "8"]).succeeded();
    assert!(done.err.contains("0 after 6 of 8 images"), "{}", done.err);
}

#[test]
fn every_task_is_learned_and_used() {
    let place = Place::new();
    squares(&place.path("photos"), &["a", "b", "c", "d"], [200, 30, 90], 40);
    GrayImage::from_fn(40, 40, |x, _| Luma([if x < 9 { 255 } else { 0 }]))
        .save(place.path("mask.png"))
        .expect("PNG");
    for (task, more, use_so, made) in [
        ("inpaint", &[][..], &["--mask", "mask.png"][..], (40, 40)),
        ("superres", &["--set", "task.scale=2"], &[], (80, 80)),
        ("colorize", &[], &[], (40, 40)),
        ("denoise", &[], &["--compare"], (80, 40)),
        ("edges", &[], &["--sketch"], (40, 40)),
    ] {
        let settings = ["--task", task, "--data", "photos", "--set", "generator=unet_32", "--out", task];
        let done = train(&place, "pix2pix", &[&settings[..], more].concat()).succeeded();
        assert!(done.err.contains(&format!("{task} of photos")), "{}", done.err);
        let to = format!("{task}-made");
        place.gan(&[&["translate", task, "photos", "--out", &to], use_so].concat()).succeeded();
        assert_eq!(size_of(place.path(&to).join("b.png")), made, "{task}");
        // A run's record and its checkpoint carry the task.
        place.gan(&["resume", task, "--images", "7"]).succeeded();
    }
    // Where a mask is transparent nothing is filled in, whatever colour it would have.
    let clear = |x: u32, _| Rgba([255, 255, 255, if x < 9 { 255 } else { 0 }]);
    RgbaImage::from_fn(40, 40, clear).save(place.path("clear.png")).expect("PNG");
    for (mask, to) in [("mask.png", "opaque"), ("clear.png", "clear")] {
        place.gan(&["translate", "inpaint", "photos", "--mask", mask, "--out", to]).succeeded();
    }
    let [opaque, clear] =
        ["opaque/b.png", "clear/b.png"].map(|name| std::fs::read(place.path(name)).expect("PNG"));
    assert_eq!(opaque, clear);
    // Outside the hole an inpainting is what was given.
    let (given, made) = (place.path("photos/b.png"), place.path("inpaint-made/b.png"));
    let [given, made] = [given, made].map(|path| image::open(path).expect("PNG").to_rgb8());
    assert!((9..40).all(|x| (0..40).all(|y| given.get_pixel(x, y) == made.get_pixel(x, y))));
    let enlarging = ["--task", "superres", "--data", "photos", "--preset", "superres-64", "--size", "64"];
    train(&place, "pix2pix", &[&enlarging[..], &["--out", "srgan"]].concat()).succeeded();
    place.gan(&["translate", "srgan", "photos", "--out", "enlarged"]).succeeded();
    assert_eq!(size_of(place.path("enlarged/b.png")), (160, 160));
}

#[test]
fn published_weights_are_imported() {
    let place = Place::new();
    squares(&place.path("photos"), &["a"], [200, 30, 90], 40);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/published/latest_net_G_A.pth");
    place.gan(&["import", "cyclegan", file, "--out", "one"]).succeeded();
    place.gan(&["translate", "one", "photos", "--out", "made"]).succeeded();
    assert_eq!(size_of(place.path("made/a.png")), (40, 40));
    place.gan(&["translate", "one", "photos", "--direction", "b2a"]).refused(2, &["one way"]);
    place.gan(&["import", "cyclegan", file, file, "--out", "both"]).succeeded();
    place.gan(&["translate", "both", "photos", "--direction", "b2a", "--out", "back"]).succeeded();
    let [made, back] = ["made/a.png", "back/a.png"].map(|path| image::open(place.path(path)).expect("PNG"));
    assert_eq!(made, back, "the same weights both ways");
    place.gan(&["import", "cyclegan", "photos/a.png"]).refused(1, &["a.png", "neither"]);
    // A network that would make black pictures of everything, and pictures smaller than its layers see.
    let mut weights = gan_core::tensor::pth::decode(&std::fs::read(file).expect("a file"), Path::new(file))
        .expect("weights");
    GrayImage::new(3, 1).save(place.path("speck.png")).expect("PNG");
    place.gan(&["translate", "one", "speck.png", "--out", "made"]).succeeded();
    assert_eq!(size_of(place.path("made/speck.png")), (3, 1));
    for (_, tensor) in &mut weights {
        *tensor = &*tensor * f64::NAN;
    }
    let bytes = gan_core::tensor::file::encode(&weights).expect("bytes");
    std::fs::write(place.path("nan.safetensors"), bytes).expect("a file");
    place.gan(&["import", "cyclegan", "nan.safetensors"]).refused(1, &["nan.safetensors", "not finite"]);
    place
        .gan(&["import", "dcgan", file])
        .refused(2, &["no published weights", "biggan, cyclegan, pix2pix and stylegan2"]);
    place.gan(&["import", "pix2pix", file, file]).refused(2, &["one generator"]);
}

#[test]
fn mistakes_end_in_one_sentence() {
    let place = Place::new();
    domains(&place);
    std::fs::create_dir_all(place.path("empty")).expect("folder");
    let refused = |variant: &str, more: &[&str], words: &[&str]| {
        let done = train(&place, variant, &[more, &["--set", "generator=unet_32"]].concat());
        let code = done.code.expect("a code");
        done.refused(code, words);
    };
    refused("cyclegan", &[], &["gan data fetch emoji-google"]);
    refused("cyclegan", &["--preset", "cyclegan-128"], &["--domain-a and --domain-b", "trainA"]);
    refused("cyclegan", &["--domain-a", "red"], &["one domain of two"]);
    refused("cyclegan", &["--domain-a", "red", "--domain-b", "empty"], &["empty"]);
    refused("cyclegan", &["--domain-a", "red", "--domain-b", "none"], &["none", "no such"]);
    refused("cyclegan", &["--task", "denoise", "--data", "red"], &["pix2pix"]);
    refused("pix2pix", &[], &["--task", "A|B"]);
    refused("pix2pix", &["--task", "denoize", "--data", "red"], &["denoize", "inpaint"]);
    refused("pix2pix", &["--domain-a", "red", "--domain-b", "blue"], &["a"]);
    refused("pix2pix", &["--task", "superres", "--set", "task.scale=3", "--data", "red"], &["scale", "3"]);

    refused("pix2pix", &["--task", "colorize", "--data", "fashion-mnist-test"], &["grey", "colour images"]);
    refused(
        "pix2pix",
        &["--task", "colorize", "--data", "red", "--channels", "1"],
        &["--channels", "colour"],
    );
    refused(
        "cyclegan",
        &["--data", "red", "--domain-a", "red", "--domain-b", "blue"],
        &["twice", "--domain-b"],
    );
    refused("cyclegan", &["--domain-a", "red", "--domain-b", "blue", "--batch", "4"], &["images of red"]);
    let noise = ["--set", "generator_width=4", "--out", "noise"];
    place
        .train(&[&["--domain-a", "red", "--domain-b", "blue"][..], &noise].concat())
        .refused(2, &["--domain-a", "--data"]);
    place.train(&[&["--set", "task.kind=denoise"][..], &noise].concat()).refused(2, &["--task", "dcgan"]);
    // Masks in which nothing is white teach nothing.
    std::fs::create_dir_all(place.path("masks")).expect("folder");
    GrayImage::new(40, 40).save(place.path("masks/black.png")).expect("PNG");
    refused(
        "pix2pix",
        &["--task", "inpaint", "--data", "red", "--set", "task.masks=masks"],
        &["masks", "no white"],
    );

    train(
        &place,
        "pix2pix",
        &["--task", "inpaint", "--data", "red", "--set", "generator=unet_32", "--out", "run"],
    )
    .succeeded();
    let done =
        place.gan(&["translate", "run", "red", "--mask", "masks/black.png", "--out", "idle"]).succeeded();
    assert!(done.err.contains("3 of the masks have no white"), "{}", done.err);
    place.gan(&["evaluate", "run", "--beside", "run", "--direction", "b2a"]).refused(2, &["one way"]);
    GrayImage::new(20, 20).save(place.path("small.png")).expect("PNG");
    place.gan(&["translate", "run", "red"]).refused(2, &["--mask"]);
    place
        .gan(&["translate", "run", "red", "--mask", "small.png", "--out", "none"])
        .refused(1, &["a.png", "20 x 20", "40 x 40"]);
    assert!(!place.path("none").exists(), "a folder for nothing");
    place.gan(&["translate", "run", "red", "--mask", "blue"]).refused(1, &["no mask", "a"]);
    place.gan(&["translate", "run", "red", "--sketch", "--mask", "small.png"]).refused(2, &["--sketch"]);
    place.gan(&["translate", "run", "red", "--mask", "small.png", "--tile=16"]).refused(2, &["32"]);
    let same = ["translate", "run", "red", "--mask", "small.png", "--out", "red"];
    place.gan(&same).refused(2, &["--out red", "would be written over"]);
    place.gan(&["sample", "run"]).refused(2, &["gan translate"]);
    place.gan(&["translate", "run", "nowhere", "--mask", "small.png"]).refused(1, &["nowhere"]);
    place
        .gan(&["translate", "run", "red", "--mask", "small.png", "--out", "small.png"])
        .refused(2, &["is a file"]);
    place
        .gan(&["evaluate", "red", "--against", "blue", "--direction", "b2a"])
        .refused(2, &["--direction", "red"]);
    place.gan(&["evaluate", "nowhere"]).refused(1, &["nowhere", "no such"]);
    place.train(&["--out", "noise"]).succeeded();
    place.gan(&["translate", "noise", "red"]).refused(2, &["gan sample"]);

    // Whom one compares with does the same thing.
    let sharper = ["--task", "denoise", "--data", "red", "--set", "generator=unet_32", "--out", "sharper"];
    train(&place, "pix2pix", &sharper).succeeded();
    let beside = ["evaluate", "sharper", "--beside", "run", "--metrics", "psnr"];
    place.gan(&beside).refused(2, &["--beside run", "inpaint", "denoise"]);

    // A file that is no image does not stop the others.
    std::fs::write(place.path("red/broken.png"), b"nothing").expect("file");
    train(
        &place,
        "cyclegan",
        &["--domain-a", "red", "--domain-b", "blue", "--set", "generator=unet_32", "--out", "c"],
    )
    .succeeded();
    let done = place.gan(&["translate", "c", "red", "--out", "made"]).succeeded();
    assert!(
        done.err.contains("broken.png") && done.out.contains("1 could not be translated"),
        "{}{}",
        done.err,
        done.out
    );
}
