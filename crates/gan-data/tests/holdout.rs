//! Images held out of a set: which they are, and that nothing is in both parts or in none.

use gan_data::{Batches, DataSet, Options, Sampling, held_out_of};
use std::collections::BTreeSet;
use std::sync::Arc;

fn open(holdout: f64, held_out: bool) -> gan_data::Result<DataSet> {
    DataSet::open("fashion-mnist-test", &Options { holdout, held_out, ..Options::default() })
}

fn images(set: &DataSet) -> Vec<Vec<u8>> {
    (0..set.len()).map(|index| set.load(index).expect("image")).collect()
}

#[test]
fn the_parts_are_the_whole() {
    let (whole, part, apart) = (open(0.0, false), open(0.05, false), open(0.05, true));
    let [whole, part, apart] = [whole, part, apart].map(|set| set.expect("a set"));
    assert_eq!((whole.len(), part.len(), apart.len()), (10_000, 9_500, 500));
    let mut joined = [images(&part), images(&apart)].concat();
    let mut all = images(&whole);
    joined.sort();
    all.sort();
    assert!(joined == all);
    assert_eq!(
        (apart.load(0).expect("image"), apart.label(0)),
        (whole.load(19).expect("image"), whole.label(19))
    );
    assert_eq!(
        (part.load(19).expect("image"), part.label(19)),
        (whole.load(20).expect("image"), whole.label(20))
    );
    assert!(part.describe().contains("500 more held out"), "{}", part.describe());
    assert!(apart.describe().contains("held out of 10000"), "{}", apart.describe());
}

#[test]
fn batches_never_show_what_is_held_out() {
    let apart: BTreeSet<Vec<u8>> = images(&open(0.5, true).expect("a set")).into_iter().collect();
    let part = Arc::new(open(0.5, false).expect("a set"));
    let own: BTreeSet<Vec<u8>> = images(&part).into_iter().collect();
    let bytes = part.image_bytes();
    let mut batches = Batches::new(Arc::clone(&part), Sampling::new(100, 1)).expect("batches");
    for _ in 0..60 {
        let batch = batches.next().expect("a batch");
        assert!(batch.images.chunks(bytes).all(|image| own.contains(image) || !apart.contains(image)));
    }
}

#[test]
fn shares_that_cannot_be_are_refused() {
    let refused = |holdout, held_out| open(holdout, held_out).expect_err("refused").to_string();
    assert!(refused(0.7, false).contains("0.7 is not a share"));
    assert!(refused(f64::NAN, false).contains("not a share"));
    assert!(refused(0.0, true).contains("nothing is held out"));
    assert!(refused(1e-6, false).contains("one of 1000000 of fashion-mnist-test's 10000 images is none"));
}

#[test]
fn a_set_with_a_part_of_its_own_is_known() {
    assert_eq!(held_out_of("fashion-mnist"), Some("fashion-mnist-test"));
    assert_eq!(held_out_of("fashion-mnist-test"), None);
}

#[test]
fn some_of_each_class_are_the_first_ones() {
    let options = Options { per_class: 3, holdout: 0.05, ..Options::default() };
    let few = DataSet::open("fashion-mnist-test", &options).expect("a set");
    assert_eq!(few.len(), 30);
    assert!(few.describe().contains("the first 3 of each of 10000"), "{}", few.describe());
    let part = open(0.05, false).expect("a set");
    for class in 0..10 {
        let of_class = |set: &DataSet| -> Vec<Vec<u8>> {
            let own = (0..set.len()).filter(|index| set.label(*index) == Some(class));
            own.take(3).map(|index| set.load(index).expect("an image")).collect()
        };
        assert!(of_class(&few) == of_class(&part) && of_class(&few).len() == 3, "class {class}");
    }
    let apart = DataSet::open("fashion-mnist-test", &Options { held_out: true, ..options }).expect("a set");
    assert_eq!(apart.len(), 500, "what is held out is whole");
    let mut batches = Batches::new(Arc::new(few), Sampling::new(30, 1)).expect("batches");
    let mut labels = batches.next().expect("a batch").labels.clone();
    labels.sort_unstable();
    assert_eq!(labels, (0..10).flat_map(|class| [class; 3]).collect::<Vec<i64>>());
}
