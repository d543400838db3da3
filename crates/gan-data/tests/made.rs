//! Data that is made on the fly: points and stacked images.

use gan_core::data::{ImageBatch, Source};
use gan_core::tensor::range;
use gan_data::{DataSet, Named, Options, Place, PointSet, PointSource, Stacked, StackedSource, fetch, list};
use std::path::Path;
use tch::{Device, Kind, Tensor};
use tempfile::tempdir;

fn points(set: PointSet, fixed: u64, batch: usize, seed: u64, ranks: (usize, usize)) -> PointSource {
    PointSource::new(set, fixed, batch, seed, ranks, Device::Cpu).expect("source")
}

fn draw(source: &mut dyn Source<ImageBatch>) -> (Tensor, Option<Tensor>) {
    let batch = source.next().expect("batch");
    (batch.images, batch.labels)
}

#[test]
fn points_lie_around_their_means() {
    for set in [PointSet::Ring8, PointSet::Grid25] {
        for fixed in [0, 20_000] {
            let (images, labels) = draw(&mut points(set, fixed, 20_000, 1, (0, 1)));
            assert_eq!((images.size(), images.kind()), (vec![20_000, 2, 1, 1], Kind::Float));
            let labels = labels.expect("modes");
            let means = Tensor::from_slice(set.means().as_flattened()).view([-1, 2]);
            let offsets = images.view([-1, 2]).to_kind(Kind::Double) - means.index_select(0, &labels);
            let std = offsets.square().mean(Kind::Double).sqrt().double_value(&[]);
            assert!((std / set.std() - 1.0).abs() < 0.03, "{set:?}: {std}");
            assert!(offsets.mean(Kind::Double).double_value(&[]).abs() < 0.05 * set.std());
            // Every mode as often as the next: five standard deviations of a binomial count.
            let count = set.means().len() as f64;
            let expected = 20_000.0 / count;
            let far = (labels.bincount(None::<Tensor>, 0).to_kind(Kind::Double) - expected).abs().max();
            assert!(far.double_value(&[]) < 5.0 * expected.sqrt());
        }
    }
}

#[test]
fn sets_are_the_papers() {
    let ring = PointSet::Ring8.means();
    assert_eq!((ring.len(), ring[0]), (8, [1.0, 0.0]));
    assert!(ring.iter().all(|[x, y]| (x.hypot(*y) - 1.0).abs() < 1e-12));
    let grid = PointSet::Grid25.means();
    assert_eq!((grid.len(), grid[0], grid[7], grid[24]), (25, [-4.0, -4.0], [-2.0, 0.0], [4.0, 4.0]));
    let (roll, labels) = draw(&mut points(PointSet::SwissRoll, 0, 5000, 1, (0, 1)));
    assert!(labels.is_none() && PointSet::SwissRoll.means().is_empty());
    // The radius is t / 7.5 with t in [1.5 π, 4.5 π], and a little noise.
    let radius = roll.view([-1, 2]).norm_scalaropt_dim(2.0, [1i64].as_slice(), false);
    let (low, high) = (radius.min().double_value(&[]), radius.max().double_value(&[]));
    assert!((0.45..0.63).contains(&low) && (1.88..2.05).contains(&high), "{low} to {high}");
    for set in PointSet::ALL {
        assert_eq!(PointSet::named(set.name()), Some(set));
        let (images, _) = draw(&mut points(set, 0, 5000, 3, (0, 1)));
        assert!(images.abs().max().double_value(&[]) < set.extent());
    }
}

#[test]
fn batches_are_functions_of_seed_rank_and_position() {
    for fixed in [0, 1000] {
        let source = |seed, rank| points(PointSet::Ring8, fixed, 64, seed, (rank, 2));
        let mut first = source(1, 0);
        let batches: Vec<(Tensor, Option<Tensor>)> = (0..20).map(|_| draw(&mut first)).collect();
        assert_ne!(batches[0], batches[1]);
        let mut again = source(1, 0);
        for position in [17, 3, 0] {
            again.seek(position).expect("seek");
            assert_eq!(again.position(), position);
            assert_eq!(draw(&mut again), batches[position as usize]);
        }
        assert_ne!(draw(&mut source(2, 0)), batches[0], "another seed");
        assert_ne!(draw(&mut source(1, 1)), batches[0], "another rank");
    }
}

#[test]
fn a_fixed_set_is_shown_whole_every_epoch() {
    let mut source = points(PointSet::Grid25, 90, 30, 5, (0, 1));
    let epoch = |source: &mut PointSource| {
        let parts: Vec<Tensor> = (0..3).map(|_| draw(source).0.view([-1, 2])).collect();
        let mut all = Vec::<f32>::try_from(Tensor::cat(&parts, 0).select(1, 0)).expect("values");
        all.sort_by(f32::total_cmp);
        all
    };
    let (first, second) = (epoch(&mut source), epoch(&mut source));
    assert_eq!(first, second);
}

#[test]
fn a_batch_that_cannot_be_is_refused() {
    let refused = |fixed, batch, ranks| {
        PointSource::new(PointSet::Ring8, fixed, batch, 1, ranks, Device::Cpu)
            .expect_err("refused")
            .to_string()
    };
    assert!(refused(100, 101, (0, 1)).contains("the 100 points"));
    assert!(refused(100, 60, (0, 2)).contains("the 100 points"));
    assert!(refused(0, 0, (0, 1)).contains("batch"));
    assert!(refused(0, 1, (2, 2)).contains("rank"));
}

fn fashion(size: u32) -> Stacked {
    Stacked::open("stacked-fashion", &Options { size: Some(size), ..Options::default() }).expect("built in")
}

#[test]
fn channels_are_images_of_the_base_set() {
    let stacked = fashion(28);
    let mut source = StackedSource::new(stacked.clone(), 40, 7, 0, Device::Cpu).expect("source");
    let (images, modes) = source.next_bytes().expect("batch");
    assert_eq!((images.size(), images.kind()), (vec![40, 3, 28, 28], Kind::Uint8));
    let base = stacked.base();
    let known: std::collections::HashMap<Vec<u8>, u32> = (0..base.len())
        .map(|index| (base.load(index).expect("image"), base.label(index).expect("label")))
        .collect();
    for (item, mode) in Vec::<i64>::try_from(&modes).expect("modes").into_iter().enumerate() {
        let mut expected = 0;
        for channel in 0..3 {
            let plane = images.get(item as i64).get(channel).contiguous().view(-1);
            expected = 10 * expected + i64::from(known[&Vec::<u8>::try_from(plane).expect("bytes")]);
        }
        assert_eq!(mode, expected);
    }
    source.seek(0).expect("seek");
    let batch = source.next().expect("batch");
    assert_eq!(batch.images, range::to_signed(&images).expect("signed"));
    assert_eq!(batch.labels, Some(modes));
}

#[test]
fn stacked_batches_are_functions_of_seed_rank_and_position() {
    let source = |seed, rank| StackedSource::new(fashion(32), 8, seed, rank, Device::Cpu).expect("source");
    let mut first = source(1, 0);
    let batches: Vec<(Tensor, Option<Tensor>)> = (0..4).map(|_| draw(&mut first)).collect();
    assert_eq!(batches[0].0.size(), [8, 3, 32, 32]);
    let mut again = source(1, 0);
    again.seek(3).expect("seek");
    assert_eq!(draw(&mut again), batches[3]);
    assert_ne!(draw(&mut source(2, 0)).0, batches[0].0);
    assert_ne!(draw(&mut source(1, 1)).0, batches[0].0);
}

#[test]
fn every_mode_is_drawn() {
    let mut source = StackedSource::new(fashion(28), 20_000, 1, 0, Device::Cpu).expect("source");
    let (_, modes) = source.next_bytes().expect("batch");
    let counts = modes.bincount(None::<Tensor>, 1000);
    // A mode is missed with probability e^-20.
    assert_eq!((counts.size()[0], counts.gt(0).sum(Kind::Int64).int64_value(&[])), (1000, 1000));
    assert!(counts.max().int64_value(&[]) < 50);
}

#[test]
fn stacked_sets_that_cannot_be_are_refused() {
    let cache = tempdir().expect("folder");
    let options = Options { cache: Some(cache.path().to_owned()), ..Options::default() };
    let refused =
        |name: &str, options: &Options| Stacked::open(name, options).expect_err("refused").to_string();
    assert!(refused("stacked-cats", &options).contains("stacked-digits, stacked-fashion"));
    assert!(refused("stacked-digits", &options).contains("gan data fetch mnist-digits"));
    let grey = Options { channels: Some(1), ..Options::default() };
    assert!(refused("stacked-fashion", &grey).contains("red, green and blue"));
}

/// A stand-in for the npm package: digit d has 1000 images in which pixel d is lit.
fn package(folder: &Path, per_digit: usize) {
    let digits = folder.join("src/digits");
    std::fs::create_dir_all(&digits).expect("folder");
    for digit in 0..10 {
        let mut image = vec!["0"; 784];
        image[digit] = "0.502";
        let text = vec![image.join(","); per_digit].join(",");
        std::fs::write(digits.join(format!("{digit}.json")), format!("{{\"data\":[{text}]}}")).expect("file");
    }
}

#[test]
fn digits_come_from_the_package() {
    let (cache, from) = (tempdir().expect("folder"), tempdir().expect("folder"));
    package(from.path(), 1000);
    let fetched = fetch("mnist-digits", Some(from.path()), Some(cache.path())).expect("fetched");
    assert!(!fetched.was_there && fetched.bytes > 0);
    assert!(fetch("stacked-digits", None, Some(cache.path())).expect("known").was_there);
    let options = Options { cache: Some(cache.path().to_owned()), ..Options::default() };
    let set = DataSet::open("mnist-digits", &options).expect("opened");
    assert_eq!((set.len(), set.classes().len(), set.label(4321)), (10_000, 10, Some(4)));
    let image = set.load(4321).expect("image");
    assert_eq!((image[4], image.iter().filter(|pixel| **pixel > 0).count()), (128, 1));
    let stacked = Stacked::open("stacked-digits", &options).expect("opened");
    assert!(stacked.describe().contains("1000 modes"));

    let refused =
        |from: &Path| fetch("mnist-digits", Some(from), Some(cache.path())).expect_err("no").to_string();
    assert!(refused(cache.path()).contains("src/digits/0.json"));
    package(from.path(), 999);
    assert!(refused(from.path()).contains("9990 digits"));
    // What was there stays.
    assert!(DataSet::open("mnist-digits", &options).is_ok());
}

#[test]
fn made_sets_are_listed() {
    let made: Vec<Named> =
        list(&Options::default()).into_iter().filter(|set| set.place == Place::Made).collect();
    let names: Vec<&str> = made.iter().map(|set| set.name).collect();
    assert_eq!(names, ["ring8", "grid25", "swissroll", "stacked-digits", "stacked-fashion"]);
    assert!(made[0].to_string().contains("endless") && made[0].to_string().contains("8 Gaussians"));
    assert_eq!(fetch("ring8", None, None).expect("nothing to do").folder, None);
}
