//! Data sets that cannot be used, or not all of them.

mod support;

use support::Place;

#[test]
fn nothing_to_train_on() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).expect("folder");
    std::fs::create_dir(place.path("letters")).expect("folder");
    std::fs::write(place.path("letters/a.txt"), "dear").expect("file");
    std::fs::write(place.path("letters/b.png"), "not a picture").expect("file");
    for (data, words) in [("missing", "missing"), ("empty", "empty"), ("letters", "letters")] {
        place.train(&["--data", data, "--out", "run"]).refused(1, &[words]);
    }
    place.train(&["--data", "fashion-mnist-tes", "--out", "run"]).refused(1, &["fashion-mnist-test"]);
    assert!(!place.path("run").exists());
}

#[test]
fn a_batch_larger_than_the_data_set_names_the_limit() {
    let place = Place::new();
    place.photos("photos", 5);
    place.train(&["--data", "photos", "--out", "run"]).refused(2, &["dcgan.batch", "5 images", "--batch 5"]);
}

#[test]
fn a_truncated_jpeg_is_left_out_and_counted_or_stops_a_strict_run() {
    let place = Place::new();
    let photos = place.photos("photos", 12);
    let whole = photos.join("whole.jpg");
    image::RgbImage::from_fn(20, 20, |x, y| image::Rgb([x as u8, y as u8, 9])).save(&whole).expect("JPEG");
    let bytes = std::fs::read(&whole).expect("file");
    std::fs::write(&whole, &bytes[..bytes.len() / 2]).expect("file");
    let done = place.train(&["--data", "photos", "--out", "run"]).succeeded();
    assert!(
        done.err.contains("warning: 1 image cannot be read") && done.err.contains("whole.jpg"),
        "{}",
        done.err
    );
    place.train(&["--data", "photos", "--out", "strict", "--strict"]).refused(1, &["whole.jpg"]);
    let inspected = place.gan(&["data", "inspect", "photos"]).succeeded();
    assert!(inspected.out.contains("whole.jpg"), "{}", inspected.out);
}

#[test]
fn images_of_which_some_or_all_are_cut_off() {
    let place = Place::new();
    let photos = place.photos("photos", 12);
    let cut = |index: u8| {
        let file = photos.join(format!("{index:03}.png"));
        let bytes = std::fs::read(&file).expect("file");
        std::fs::write(&file, &bytes[..bytes.len() * 2 / 3]).expect("file");
    };
    // Every image that an evenly spread look at six would take.
    (0..12).step_by(2).for_each(cut);
    place.train(&["--data", "photos", "--out", "some"]).succeeded();
    (1..12).step_by(2).for_each(cut);
    place.train(&["--data", "photos", "--out", "all"]).refused(1, &["photos", "no image that can be read"]);
    assert!(!place.path("all").exists(), "nothing was begun");
}

#[test]
fn sizes_channels_and_colour_come_from_the_data() {
    let place = Place::new();
    let photos = place.photos("photos", 12);
    let wide = image::GrayImage::from_fn(50, 30, |x, _| image::Luma([x as u8]));
    wide.save(photos.join("wide.png")).expect("PNG");
    let done = place.train(&["--data", "photos", "--dry-run"]).succeeded();
    assert!(done.out.contains("channels = 3") && done.out.contains("13 images"), "{}", done.out);
    let grey = place.train(&["--data", "photos", "--channels", "1", "--dry-run"]).succeeded();
    assert!(grey.out.contains("channels = 1"), "{}", grey.out);
    place.train(&["--data", "photos", "--out", "run"]).succeeded();
}
