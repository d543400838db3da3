//! Batches as the trainer gets them.
#![cfg(feature = "torch")]

mod common;

use common::{idx, open, put};
use gan_core::data::Source;
use gan_data::{Batches, ImageSource, Options, Sampling};
use std::sync::Arc;
use tch::{Device, Kind, Tensor};
use tempfile::tempdir;

#[test]
fn a_source_gives_the_bytes_scaled_with_their_labels() {
    let folder = tempdir().expect("folder");
    let pixels: Vec<u8> = (0..10u32 * 12).map(|at| (at * 2 % 256) as u8).collect();
    put(&folder.path().join("images-idx3-ubyte"), &idx(&[10, 3, 4], &pixels));
    put(&folder.path().join("labels-idx1-ubyte"), &idx(&[10], &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]));
    let options = Options { mirror: true, channels: Some(3), ..common::options(4) };
    let data = Arc::new(open(&folder.path().join("images-idx3-ubyte"), &options).expect("open"));
    let sampling = Sampling::new(6, 8);
    let mut bytes = Batches::new(Arc::clone(&data), sampling).expect("batches");
    let mut source = ImageSource::new(Arc::clone(&data), sampling, Device::Cpu).expect("source");
    for position in [0, 1, 2, 9, 4] {
        bytes.seek(position);
        source.seek(position).expect("seek");
        let expected = bytes.next().expect("bytes");
        let batch = source.next().expect("batch");
        assert_eq!((batch.images.size(), batch.images.kind()), (vec![6, 3, 4, 4], Kind::Float));
        let scaled: Vec<f32> =
            expected.images.iter().map(|value| f32::from(*value) * (2.0 / 255.0) - 1.0).collect();
        let scaled = Tensor::from_slice(&scaled).view([6, 3, 4, 4]);
        assert!((&batch.images - scaled).abs().max().double_value(&[]) < 1e-6);
        assert_eq!(batch.labels.expect("labels"), Tensor::from_slice(&expected.labels));
        assert_eq!(source.position(), position + 1);
    }
}

#[test]
fn without_labels_there_is_no_tensor_of_labels() {
    let folder = tempdir().expect("folder");
    common::numbered_folder(folder.path(), 4, 8);
    let data = Arc::new(open(folder.path(), &Options::default()).expect("open"));
    let mut source = ImageSource::new(data, Sampling::new(4, 0), Device::Cpu).expect("source");
    let batch = source.next().expect("batch");
    assert_eq!((batch.images.size(), batch.labels.is_none()), (vec![4, 3, 8, 8], true));
    assert!(batch.attributes.is_none());
}

#[test]
fn attributes_are_a_row_for_each_image() {
    let folder = tempdir().expect("folder");
    common::numbered_folder(folder.path(), 4, 8);
    let rows: String = (0..4).map(|number| format!("{number:05}.png,{number},0.{number}\n")).collect();
    put(&folder.path().join("attributes.csv"), format!("file,number,tenth\n{rows}").as_bytes());
    let data = Arc::new(open(folder.path(), &Options::default()).expect("open"));
    let mut bytes = Batches::new(Arc::clone(&data), Sampling::new(3, 0)).expect("batches");
    let mut source = ImageSource::new(data, Sampling::new(3, 0), Device::Cpu).expect("source");
    for _ in 0..3 {
        let batch = source.next().expect("batch");
        let expected = Tensor::from_slice(&bytes.next().expect("bytes").attributes).view([3, 2]);
        let attributes = batch.attributes.expect("attributes");
        assert_eq!((&attributes, attributes.kind()), (&expected, Kind::Float));
        assert!(batch.labels.is_none());
    }
}

#[test]
fn mistakes_stay_one_sentence_on_their_way_to_the_core() {
    let folder = tempdir().expect("folder");
    common::numbered_folder(folder.path(), 4, 8);
    let data = Arc::new(open(folder.path(), &Options::default()).expect("open"));
    let error = ImageSource::new(data, Sampling::new(5, 0), Device::Cpu).expect_err("5 of 4");
    assert!(matches!(&error, gan_core::error::Error::Config { field, .. } if field == "batch"), "{error}");
    let missing = open(&folder.path().join("none"), &Options::default()).expect_err("missing");
    let text = missing.to_string();
    assert_eq!(gan_core::error::Error::from(missing).to_string(), text);
}
