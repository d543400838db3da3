//! Restoration tasks: pairs made of plain images, and the way from a picture to a picture at use.
#![cfg(feature = "torch")]

mod common;

use gan_core::data::{InMemory, PairBatch, Source, Synthetic};
use gan_core::random::Streams;
use gan_core::tensor::range;
use gan_data::task::{Denoise, Edges, Inpaint, Superres, Task, TaskSource};
use std::path::PathBuf;
use tch::{Device, Kind, Tensor};
use tempfile::tempdir;

const LEVEL: f64 = 2.0 / 255.0;

fn noise(step: u64) -> Streams {
    Streams::new(7, 0, step, Device::Cpu)
}

/// Smooth colours in grey levels, as a file has them.
fn images(shape: [i64; 4]) -> Tensor {
    let images = Synthetic::new(shape, 0, 3, Device::Cpu).next().expect("images").images;
    range::to_signed(&range::to_bytes(&images).expect("u8")).expect("f32")
}

fn every() -> Vec<Task> {
    let named = |word: &&str| Task::named(word).expect("a task of its own word");
    Task::NAMES.iter().map(named).collect()
}

fn largest(difference: &Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

fn mean(values: &Tensor) -> f64 {
    values.mean(Kind::Float).double_value(&[])
}

fn pairs(task: &Task, images: &Tensor) -> PairBatch {
    task.pairs(images, &noise(0)).expect("pairs")
}

fn refusal<T>(result: gan_core::error::Result<T>) -> String {
    let text = result.err().expect("must be refused").to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!text.contains("LibTorch"), "{text}");
    text
}

#[test]
fn words_name_their_tasks_and_settings_survive_a_file() {
    for task in every() {
        let text = serde_json::to_string(&task).expect("JSON");
        assert!(text.contains(&format!("\"kind\":\"{}\"", task.word())), "{text}");
        assert_eq!(serde_json::from_str::<Task>(&text).expect("a task"), task);
        let bare = format!("{{\"kind\":\"{}\"}}", task.word());
        assert_eq!(serde_json::from_str::<Task>(&bare).expect("defaults"), task);
        let strange = format!("{{\"kind\":\"{}\",\"blurr\":1}}", task.word());
        let error = serde_json::from_str::<Task>(&strange).expect_err("an unknown field").to_string();
        assert!(error.contains("blurr"), "{error}");
        task.validate([32, 48]).expect("defaults are valid");
    }
    assert!(Task::named("blur").is_none());
    let jpeg = Task::Superres(Superres { jpeg: Some([30, 60]), ..Superres::default() });
    let text = serde_json::to_string(&jpeg).expect("JSON");
    assert_eq!(serde_json::from_str::<Task>(&text).expect("a task"), jpeg);
}

#[test]
fn pairs_have_the_shapes_that_channels_and_scale_say() {
    let mut tasks = every();
    tasks.push(Task::Superres(Superres { scale: 8, noise: [1.0, 9.0], jpeg: Some([20, 90]) }));
    tasks.push(Task::Superres(Superres { scale: 2, noise: [0.0, 0.0], jpeg: Some([75, 75]) }));
    for task in tasks {
        for (n, c, h, w) in [(2, 3, 32, 32), (3, 1, 16, 40), (1, 3, 24, 8)] {
            if task.word() == "colorize" && c == 1 {
                continue;
            }
            let images = images([n, c, h, w]);
            let [taken, given] = task.channels(c).expect("channels");
            let scale = task.scale();
            let PairBatch { a, b, weight } = pairs(&task, &images);
            assert_eq!(a.size(), [n, taken, h / scale, w / scale], "{}", task.word());
            assert_eq!(b.size(), [n, given, h, w], "{}", task.word());
            for side in [&a, &b] {
                assert_eq!(side.kind(), Kind::Float);
                assert!(largest(side) <= 1.0 + 1e-6, "{}", task.word());
            }
            assert_eq!(
                weight.map(|weight| weight.size()),
                match &task {
                    Task::Inpaint(_) => Some(vec![n, 1, h, w]),
                    _ => None,
                }
            );
            let shown = task.show(&a).expect("a picture").size();
            assert_eq!([shown[0], shown[2], shown[3]], [n, h, w]);
            assert!([1, 3].contains(&shown[1]));
        }
    }
}

#[test]
fn a_perfect_answer_gives_the_clean_picture_back() {
    for task in every() {
        let clean = images([2, 3, 32, 48]);
        let PairBatch { a, b, .. } = pairs(&task, &clean);
        let picture = task.finish(&a, &b).expect("a picture");
        assert!(largest(&(&picture - &clean)) < LEVEL, "{}", task.word());
        let picture = task.finish(&a, &(&b * 3.0)).expect("a picture");
        assert!(largest(&picture) <= 1.0 + 1e-6, "{}", task.word());
    }
}

#[test]
fn draws_are_functions_of_the_position_and_seeking_is_exact() {
    let spoilt = Superres { scale: 4, noise: [2.0, 9.0], jpeg: Some([20, 90]) };
    for task in every().into_iter().chain([Task::Superres(spoilt)]) {
        let bytes = range::to_bytes(&images([9, 3, 16, 24])).expect("u8");
        let source = |seed: u64, rank: u64| {
            let images = InMemory::new(bytes.shallow_clone(), None, 4, 5, Device::Cpu).expect("source");
            TaskSource::new(images, task.clone(), seed, rank)
        };
        let mut first = source(1, 0);
        let drawn: Vec<PairBatch> = (0..4).map(|_| first.next().expect("pairs")).collect();
        assert_eq!(first.position(), 4);
        let mut again = source(1, 0);
        again.seek(2).expect("seek");
        let again = again.next().expect("pairs");
        assert_eq!((&again.a, &again.b), (&drawn[2].a, &drawn[2].b), "{}", task.word());
        assert_eq!(again.weight, drawn[2].weight);
        // Other seeds and ranks spoil the same images in another way, where anything is drawn.
        let is_drawn = !matches!(&task, Task::Colorize {} | Task::Edges(_)) && task.scale() == 1
            || matches!(&task, Task::Superres(superres) if superres.jpeg.is_some());
        for mut other in [source(2, 0), source(1, 1)] {
            let other = other.next().expect("pairs");
            assert_eq!(other.b, drawn[0].b);
            assert_eq!(other.a != drawn[0].a, is_drawn, "{}", task.word());
        }
    }
}

#[test]
fn holes_are_grey_marked_weighed_and_as_large_as_asked() {
    let images = images([40, 3, 32, 48]);
    let task = Task::Inpaint(Inpaint { hole_weight: 4.0, share: [0.1, 0.3], ..Inpaint::default() });
    let PairBatch { a, b, weight } = pairs(&task, &images);
    assert_eq!(b, images);
    let (known, mark) = (a.narrow(1, 0, 3), a.narrow(1, 3, 1));
    let hole = mark.gt(0.0);
    assert_eq!(mark.abs().min().double_value(&[]), 1.0);
    assert_eq!(known, images.masked_fill(&hole, 0.0));
    let hole = hole.to_kind(Kind::Float);
    let shares = hole.mean_dim(&[1i64, 2, 3][..], false, Kind::Float);
    let (least, most) = (shares.min().double_value(&[]), shares.max().double_value(&[]));
    assert!(0.1 - 1e-3 <= least && most <= 0.3 + 1e-3, "{least} to {most}");
    assert!(most - least > 0.1, "{least} to {most}");
    assert_eq!(weight.expect("weights"), &hole * 3.0 + 1.0);
    // No two images have the same hole.
    let flat = hole.view([40, -1]);
    for other in 1..40 {
        assert_ne!(flat.get(0), flat.get(other));
    }
}

#[test]
fn boxes_and_strokes_are_what_they_are_called() {
    let images = Tensor::ones([30, 1, 32, 24], (Kind::Float, Device::Cpu));
    let boxes = Inpaint {
        boxes: [1, 1],
        box_side: [0.25, 0.5],
        strokes: [0, 0],
        share: [0.01, 1.0],
        ..Inpaint::default()
    };
    let hole = pairs(&Task::Inpaint(boxes), &images).a.narrow(1, 1, 1).gt(0.0).to_kind(Kind::Float);
    let (rows, columns) = (hole.amax([1i64, 3], false), hole.amax([1i64, 2], false)); // [N, H], [N, W]
    assert_eq!(rows.unsqueeze(2) * columns.unsqueeze(1), hole.squeeze_dim(1), "not full boxes");
    let side = |of: &Tensor| of.sum_dim_intlist(&[1i64][..], false, Kind::Float);
    for (sides, low, high) in [(side(&rows), 8.0, 16.0), (side(&columns), 6.0, 12.0)] {
        assert!(sides.min().double_value(&[]) >= low && sides.max().double_value(&[]) <= high);
    }
    let strokes = Inpaint { boxes: [0, 0], stroke_width: [0.2, 0.2], ..Inpaint::default() };
    let hole = pairs(&Task::Inpaint(strokes), &images).a.narrow(1, 1, 1).gt(0.0).to_kind(Kind::Float);
    let (rows, columns) = (hole.amax([1i64, 3], false), hole.amax([1i64, 2], false));
    assert_ne!(rows.unsqueeze(2) * columns.unsqueeze(1), hole.squeeze_dim(1), "strokes are no boxes");
}

#[test]
fn masks_of_a_folder_are_used_and_come_mirrored_too() {
    let folder = tempdir().expect("folder");
    // The upper left quarter is the hole.
    let mask =
        image::GrayImage::from_fn(20, 20, |x, y| image::Luma([if x < 10 && y < 10 { 255 } else { 0 }]));
    common::put_png(&folder.path().join("a.png"), &mask.into());
    let task = Task::Inpaint(Inpaint { masks: Some(folder.path().to_owned()), ..Inpaint::default() });
    task.validate([16, 24]).expect("masks");
    let synthetic = Synthetic::new([16, 3, 16, 24], 0, 1, Device::Cpu);
    let mut source = TaskSource::new(synthetic, task.clone(), 1, 0);
    let hole = source.next().expect("pairs").a.narrow(1, 3, 1);
    let quarter = Tensor::full([8, 12], -1.0, (Kind::Float, Device::Cpu));
    let left = Tensor::cat(&[&quarter * -1.0, quarter.shallow_clone()], 1);
    let left = Tensor::cat(&[left, Tensor::cat(&[&quarter, &quarter], 1)], 0);
    let seen: Vec<bool> = (0..16).map(|at| hole.get(at).get(0) == left).collect();
    for (at, is_left) in seen.iter().enumerate() {
        assert!(*is_left || hole.get(at as i64).get(0) == left.flip([1]), "image {at}");
    }
    assert!(seen.contains(&true) && seen.contains(&false));
    assert_eq!(pairs(&task, &images([2, 1, 16, 24])).a.size(), [2, 2, 16, 24]);
    // White that is transparent is no hole, and a folder without any is refused.
    let clear =
        image::RgbaImage::from_fn(20, 20, |x, _| image::Rgba([255, 255, 255, if x < 10 { 255 } else { 0 }]));
    common::put_png(&folder.path().join("a.png"), &clear.clone().into());
    let hole = pairs(&task, &images([4, 1, 16, 24])).a.narrow(1, 1, 1);
    assert!(
        (0..4).all(|at| f64::try_from(hole.get(at).mean(Kind::Float)).expect("a number") == 0.0),
        "half of each"
    );
    common::put_png(&folder.path().join("a.png"), &image::GrayImage::new(20, 20).into());
    assert!(refusal(task.validate([16, 24])).contains("no white"));
    let missing = Inpaint { masks: Some(PathBuf::from("no-such-masks")), ..Inpaint::default() };
    assert!(refusal(Task::Inpaint(missing).validate([16, 16])).contains("no-such-masks"));
}

#[test]
fn at_use_a_hole_is_filled_and_the_rest_is_untouched() {
    let task = Task::named("inpaint").expect("a task");
    let picture = images([2, 3, 16, 24]);
    let mask = Tensor::full([1, 1, 16, 24], -1.0, (Kind::Float, Device::Cpu));
    let _ = mask.narrow(2, 4, 6).narrow(3, 8, 8).fill_(1.0);
    let prepared = task.prepare(&picture, Some(&mask)).expect("prepared");
    assert_eq!(prepared.size(), [2, 4, 16, 24]);
    let hole = mask.gt(0.0).expand([2, 1, 16, 24], false);
    let answer = Tensor::full([2, 3, 16, 24], 0.5, (Kind::Float, Device::Cpu));
    let filled = task.finish(&prepared, &answer).expect("filled");
    assert_eq!(filled, answer.where_self(&hole, &picture));
    let shown = task.show(&prepared).expect("shown");
    assert_eq!(shown, picture.masked_fill(&hole, 0.0));
    // The mean fill: known pixels as they are, one value for each channel in the hole.
    let baseline = task.baseline(&prepared).expect("baseline").expect("there is one");
    assert_eq!(baseline.masked_fill(&hole, 0.0), shown);
    let inside = baseline.narrow(2, 4, 6).narrow(3, 8, 8);
    let known = shown.sum_dim_intlist(&[2i64, 3][..], true, Kind::Float) / (16.0 * 24.0 - 48.0);
    assert!(largest(&(inside - known)) < 1e-5);
    let all = Tensor::ones([1, 1, 16, 24], (Kind::Float, Device::Cpu));
    let nothing_known = task.prepare(&picture, Some(&all)).expect("prepared");
    let baseline = task.baseline(&nothing_known).expect("baseline").expect("there is one");
    assert_eq!(largest(&baseline), 0.0);
}

#[test]
fn bicubic_is_close_for_what_is_smooth_and_spoiling_spoils() {
    let clean = images([2, 3, 64, 96]);
    for scale in [2, 4, 8] {
        let plain = Superres { scale, ..Superres::default() };
        let small = pairs(&Task::Superres(plain.clone()), &clean).a;
        // In grey levels, as a file would hold them.
        let rounded = range::to_signed(&range::to_bytes(&small).expect("u8")).expect("f32");
        assert_eq!(small, rounded);
        let task = Task::Superres(plain.clone());
        assert_eq!(task.prepare(&small, None).expect("prepared"), small);
        let enlarged = task.baseline(&small).expect("baseline").expect("there is one");
        let error = mean(&(&enlarged - &clean).abs());
        assert!(error < 4.0 * LEVEL, "{scale}: {error}");
        let squares = task.show(&small).expect("shown");
        assert_eq!(squares.narrow(2, 0, scale).amax([2i64], false), squares.select(2, 0));
        assert!(mean(&(&squares - &clean).abs()) > error);
        let noisy = Task::Superres(Superres { noise: [10.0, 10.0], ..plain.clone() });
        let off = pairs(&noisy, &clean).a - &small;
        let std = mean(&off.square()).sqrt() / LEVEL;
        assert!((7.0..=10.5).contains(&std), "{std}");
        let off = |quality: u8| {
            let stored = Superres { jpeg: Some([quality; 2]), ..plain.clone() };
            mean(&(pairs(&Task::Superres(stored), &clean).a - &small).abs()) / LEVEL
        };
        let [bad, good] = [off(10), off(98)];
        assert!(good < 2.0 && bad > 2.0 * good, "{scale}: {bad} and {good}");
    }
}

#[test]
fn noise_has_the_strength_asked_for_and_differs_by_image() {
    let clean = Tensor::zeros([64, 1, 32, 32], (Kind::Float, Device::Cpu));
    let task = Task::Denoise(Denoise { std: [5.0, 25.0] });
    let PairBatch { a, b, .. } = pairs(&task, &clean);
    assert_eq!(b, clean);
    let stds = a.square().mean_dim(&[1i64, 2, 3][..], false, Kind::Float).sqrt() / LEVEL;
    let (least, most) = (stds.min().double_value(&[]), stds.max().double_value(&[]));
    assert!(least > 4.5 && least < 8.0 && most > 22.0 && most < 26.5, "{least} to {most}");
    assert_eq!(task.prepare(&a, None).expect("prepared"), a);
    assert_eq!(task.baseline(&a).expect("baseline").expect("there is one"), a);
}

#[test]
fn colours_are_taken_away_and_lightness_stays() {
    let clean = images([2, 3, 16, 24]);
    let task = Task::Colorize {};
    let PairBatch { a, .. } = pairs(&task, &clean);
    assert_eq!(task.prepare(&clean, None).expect("of a colour picture"), a);
    let grey = task.baseline(&a).expect("baseline").expect("there is one");
    let [r, g, b] = [0, 1, 2].map(|channel| grey.select(1, channel));
    assert!(largest(&(&r - &g)) < 0.01 * LEVEL && largest(&(&g - &b)) < 0.01 * LEVEL);
    assert!(largest(&(task.prepare(&grey, None).expect("of grey as RGB") - &a)) < 1e-4);
    let one = task.prepare(&grey.narrow(1, 0, 1), None).expect("of a grey picture");
    assert!(largest(&(one - &a)) < 1e-4);
}

#[test]
fn sketches_are_thin_dark_lines_where_things_end() {
    // A square, brighter than its ground by two fifths of black to white.
    let image = Tensor::full([1, 3, 32, 40], -0.4, (Kind::Float, Device::Cpu));
    let _ = image.narrow(2, 8, 16).narrow(3, 10, 20).fill_(0.4);
    let task = Task::named("edges").expect("a task");
    let sketch = task.prepare(&image, None).expect("a sketch");
    let row = Vec::<f32>::try_from(sketch.get(0).get(0).get(16)).expect("f32");
    let lines: Vec<usize> = (0..40).filter(|x| row[*x] < 1.0).collect();
    assert_eq!(lines.len(), 2, "{row:?}");
    assert!((9..=10).contains(&lines[0]) && (29..=30).contains(&lines[1]), "{lines:?}");
    assert_eq!(lines.iter().map(|x| row[*x]).collect::<Vec<_>>(), [-1.0, -1.0]);
    // A flat picture has none; neither has a border.
    let flat = task.prepare(&(&image * 0.0 + 0.3), None).expect("a sketch");
    assert_eq!(flat.min().double_value(&[]), 1.0);
    // Colours that differ at equal mean are told apart.
    let red = Tensor::from_slice(&[0.6f32, -0.6, 0.0]).view([1, 3, 1, 1]).expand([1, 3, 16, 8], false);
    let two = Tensor::cat(&[&red, &red.flip([1])], 3);
    assert_eq!(task.prepare(&two, None).expect("a sketch").min().double_value(&[]), -1.0);
    let taken = task.prepare_sketch(&sketch.expand([1, 3, 32, 40], false)).expect("a sketch");
    assert!(largest(&(taken - &sketch)) < 1e-6);
    assert!(task.baseline(&sketch).expect("none").is_none());
}

#[test]
fn settings_that_cannot_work_are_one_sentence_each() {
    let inpaint = Inpaint::default();
    let superres = Superres::default();
    let edges = Edges::default();
    for (task, field) in [
        (Task::Inpaint(Inpaint { boxes: [3, 2], ..inpaint.clone() }), "task.boxes: 3 to 2"),
        (Task::Inpaint(Inpaint { stroke_segments: [0, 2], ..inpaint.clone() }), "task.stroke_segments"),
        (Task::Inpaint(Inpaint { share: [0.0, 0.5], ..inpaint.clone() }), "task.share"),
        (Task::Inpaint(Inpaint { stroke_width: [0.1, f64::NAN], ..inpaint.clone() }), "task.stroke_width"),
        (Task::Inpaint(Inpaint { hole_weight: 0.0, ..inpaint.clone() }), "task.hole_weight"),
        (Task::Inpaint(Inpaint { boxes: [0, 0], strokes: [0, 0], ..inpaint }), "no hole"),
        (Task::Superres(Superres { scale: 3, ..superres.clone() }), "task.scale: 3 is none of 2, 4, 8"),
        (Task::Superres(Superres { scale: 8, ..superres.clone() }), "44 x 32 pixels"),
        (Task::Superres(Superres { noise: [-1.0, 2.0], ..superres.clone() }), "task.noise"),
        (Task::Superres(Superres { jpeg: Some([0, 50]), ..superres }), "task.jpeg"),
        (Task::Denoise(Denoise { std: [9.0, 3.0] }), "task.std"),
        (Task::Edges(Edges { blur: -1.0, ..edges.clone() }), "task.blur: -1 is"),
        (Task::Edges(Edges { low: 0.2, high: 0.1, ..edges }), "task.high: 0.1 is not above task.low"),
    ] {
        let text = refusal(task.validate([32, 44]));
        assert!(text.contains(field), "{text}");
    }
}

#[test]
fn inputs_that_cannot_work_are_one_sentence_each() {
    for task in every() {
        for channels in [2, 4] {
            assert!(refusal(task.channels(channels)).contains("1 (grey) or 3 (RGB)"));
            let images = images([1, channels, 8, 8]);
            assert!(refusal(task.pairs(&images, &noise(0))).contains("transparency"));
            assert!(refusal(task.prepare(&images, None)).contains("transparency"));
        }
        let flat = images([1, 3, 8, 8]).squeeze();
        assert!(refusal(task.pairs(&flat, &noise(0))).contains("[_, _, _, _]"));
        let bytes = Tensor::zeros([1, 3, 8, 8], (Kind::Uint8, Device::Cpu));
        assert!(refusal(task.pairs(&bytes, &noise(0))).contains("f32"));
        let prepared = pairs(&task, &images([1, 3, 16, 16])).a;
        let wrong = Tensor::zeros([1, 3, 5, 5], (Kind::Float, Device::Cpu));
        assert!(refusal(task.finish(&prepared, &wrong)).contains("output"));
        let picture = images([1, 3, 16, 16]);
        let mask = Tensor::ones([1, 1, 16, 16], (Kind::Float, Device::Cpu));
        if !matches!(&task, Task::Inpaint(_)) {
            assert!(refusal(task.prepare(&picture, Some(&mask))).contains("only inpaint"));
        }
        if !matches!(&task, Task::Edges(_)) {
            assert!(refusal(task.prepare_sketch(&picture)).contains("only edges"));
        }
    }
    let grey = images([3, 1, 18, 16]);
    assert!(refusal(Task::Colorize {}.pairs(&grey, &noise(0))).contains("colour images"));
    let superres = Task::named("superres").expect("a task");
    assert!(refusal(superres.pairs(&grey, &noise(0))).contains("16 x 18 pixels"));
    let inpaint = Task::named("inpaint").expect("a task");
    assert!(refusal(inpaint.prepare(&grey, None)).contains("white"));
    let mask = |n: i64, h: i64| Tensor::ones([n, 1, h, 16], (Kind::Float, Device::Cpu));
    let text = refusal(inpaint.prepare(&grey, Some(&mask(1, 12))));
    assert!(text.contains("16 x 12 pixels, but the picture has 16 x 18"), "{text}");
    assert!(refusal(inpaint.prepare(&grey, Some(&mask(2, 18)))).contains("2 masks for 3 pictures"));
}
