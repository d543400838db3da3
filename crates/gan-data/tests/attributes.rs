//! Attributes from a CSV: they arrive with their own image, and a table that is wrong is refused by its line.

mod common;

use common::{
    cifar_record, encode, gradient, idx, numbered_folder, open, options, put, put_png, refusal, sentence,
    truncated_png, zip,
};
use gan_data::{Batch, Batches, DataSet, Options, Sampling, inspect};
use image::ImageFormat;
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;

const COUNT: u32 = 23;

/// The numbers of image `number`: one continuous, one of 0 and 1.
fn numbers(number: u32) -> [f32; 2] {
    [number as f32 * 0.25 - 1.0, (number % 2) as f32]
}

/// Rows in another order than the files.
fn table(count: u32) -> String {
    let rows = (0..count).rev().map(|number| {
        let [tilt, odd] = numbers(number);
        format!("{number:05}.png,{tilt},{odd}\n")
    });
    format!("file,tilt,is odd\n{}", rows.collect::<String>())
}

fn folder_with_table(folder: &Path) {
    numbered_folder(folder, COUNT, 8);
    put(&folder.join("attributes.csv"), table(COUNT).as_bytes());
}

/// Which of [`gradient`]'s images it is.
fn number_of(image: &[u8]) -> u32 {
    let plane = image.len() / 3;
    (0..COUNT).find(|number| (number * 37 % 256) as u8 == image[2 * plane]).expect("one of ours")
}

fn draw(data: &Arc<DataSet>, sampling: Sampling, count: usize) -> Vec<Batch> {
    let mut batches = Batches::new(Arc::clone(data), sampling).expect("batches");
    (0..count).map(|_| batches.next().expect("batch").clone()).collect()
}

fn all_are_their_images(data: &DataSet, batches: &[Batch]) {
    for batch in batches {
        let images = batch.images.chunks(data.image_bytes());
        assert_eq!(batch.attributes.len(), 2 * images.len());
        for (image, attributes) in images.zip(batch.attributes.chunks(2)) {
            assert_eq!(attributes, numbers(number_of(image)));
        }
    }
}

#[test]
fn values_come_with_their_image_whatever_the_order_the_workers_and_the_broken() {
    let folder = tempdir().expect("folder");
    folder_with_table(folder.path());
    // Found broken only when decoded; the image that is shown in its place brings its own numbers.
    put(&folder.path().join("00007.png"), &truncated_png());
    let mut results = Vec::new();
    for memory in [0, 1 << 20] {
        for workers in [1, 2, 5] {
            let given = Options { memory, mirror: true, ..options(8) };
            let data = Arc::new(open(folder.path(), &given).expect("open"));
            // In pieces of 16, so that a batch is put together from two.
            let batches = draw(&data, Sampling { workers, ..Sampling::new(20, 5) }, 6);
            all_are_their_images(&data, &batches);
            assert_eq!(data.broken().len(), 1);
            results.push(batches);
        }
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    assert_ne!(results[0][0].attributes, results[0][1].attributes);
    let eights = results[0].iter().flat_map(|batch| batch.attributes.chunks(2));
    assert!(eights.filter(|values| *values == numbers(8)).count() > 6, "8 stands in for 7");
}

#[test]
fn a_position_gives_the_same_values() {
    let folder = tempdir().expect("folder");
    folder_with_table(folder.path());
    let data = Arc::new(open(folder.path(), &options(8)).expect("open"));
    let sampling = Sampling { workers: 2, ..Sampling::new(5, 3) };
    let all = draw(&data, sampling, 12);
    let mut batches = Batches::new(Arc::clone(&data), sampling).expect("batches");
    for position in [9, 2, 2, 11, 0, 7, 8] {
        batches.seek(position as u64);
        assert_eq!(*batches.next().expect("batch"), all[position], "batch {position}");
    }
}

#[test]
fn ranks_and_parts_keep_values_with_images() {
    let folder = tempdir().expect("folder");
    folder_with_table(folder.path());
    let data = Arc::new(open(folder.path(), &options(8)).expect("open"));
    for rank in 0..3 {
        all_are_their_images(&data, &draw(&data, Sampling { rank, world: 3, ..Sampling::new(3, 5) }, 4));
    }
    for held_out in [false, true] {
        let given = Options { holdout: 0.25, held_out, ..options(8) };
        let data = Arc::new(open(folder.path(), &given).expect("open"));
        let attributes = data.attributes().expect("attributes");
        assert_eq!(attributes.values.len(), 2 * data.len());
        for index in 0..data.len() {
            let image = data.load(index).expect("image");
            assert_eq!(attributes.of(index), numbers(number_of(&image)), "image {index}");
        }
        // Every fourth is held out: 3, 7, ... 19.
        let range = if held_out { [numbers(3)[0], numbers(19)[0]] } else { [numbers(0)[0], numbers(22)[0]] };
        assert_eq!(attributes.ranges()[0], range);
        all_are_their_images(&data, &draw(&data, Sampling::new(5, 2), 4));
    }
}

#[test]
fn a_folder_and_a_zip_may_have_them_beside_classes() {
    let place = tempdir().expect("folder");
    let (path, unpacked) = (place.path().join("set.zip"), place.path().join("unpacked"));
    let image = encode(&gradient(6, 6, 0), ImageFormat::Png);
    // Two files and what paths in each start with: its folder may be any that all images share.
    let places = [
        ("set/dataset.json", "00000/", "set/attributes.csv", "00000/"),
        ("dataset.json", "set/00000/", "set/00000/attributes.csv", ""),
        ("set/dataset.json", "00000/", "attributes.csv", "set/00000/"),
    ];
    for (json_name, json_start, csv_name, start) in places {
        let json = format!(r#"{{"labels": [["{json_start}a.png", 1], ["{json_start}b.png", 0]]}}"#);
        let backwards = start.replace('/', "\\");
        let csv = format!(
            "Bild, größte Breite ,lächelt\n./{start}b.png,2.5,0\n{backwards}a.png, -1e-1,1\ngone/c.png,7,1\n"
        );
        let files: [(&str, &[u8]); 4] = [
            ("set/00000/a.png", &image),
            ("set/00000/b.png", &image),
            (json_name, json.as_bytes()),
            (csv_name, csv.as_bytes()),
        ];
        zip(&path, true, &files);
        files.iter().for_each(|(name, bytes)| put(&unpacked.join(name), bytes));
        for path in [&path, &unpacked] {
            let data = open(path, &Options::default()).expect("open");
            let attributes = data.attributes().expect("attributes");
            assert_eq!(attributes.names, ["größte Breite", "lächelt"]);
            assert_eq!(attributes.values, [-0.1, 1.0, 2.5, 0.0]);
            assert_eq!([data.label(0), data.label(1)], [Some(1), Some(0)]);
            assert_eq!(
                data.notes(),
                ["1 row of attributes.csv is for a file that is not there: `gone/c.png`"]
            );
        }
        std::fs::remove_dir_all(&unpacked).expect("remove");
    }
}

#[test]
fn without_a_table_there_are_none() {
    let folder = tempdir().expect("folder");
    numbered_folder(&folder.path().join("a"), 3, 8);
    numbered_folder(&folder.path().join("b"), 3, 8);
    // Not shared by all images.
    put(&folder.path().join("a/attributes.csv"), b"file,tilt\n");
    let data = Arc::new(open(folder.path(), &options(8)).expect("open"));
    assert!(data.attributes().is_none() && !data.describe().contains("attribute"));
    let batch = draw(&data, Sampling::new(4, 0), 1).remove(0);
    assert_eq!((batch.labels.len(), batch.attributes), (4, vec![]));
}

#[test]
fn a_table_elsewhere_wins_and_names_files_from_the_top() {
    let folder = tempdir().expect("folder");
    let photos = folder.path().join("photos");
    put_png(&photos.join("in/a.png"), &gradient(8, 8, 1));
    put_png(&photos.join("in/b.png"), &gradient(8, 8, 2));
    put(&photos.join("in/attributes.csv"), b"file,tilt\na.png,1\nb.png,2\n");
    let csv = folder.path().join("other.csv");
    put(&csv, b"file,width\nin/b.png,4\nin/a.png,3\nx.png,0\ny.png,0\n");
    let elsewhere = Options { attributes: Some(csv.clone()), ..options(8) };
    let archive = folder.path().join("photos.zip");
    let image = encode(&gradient(8, 8, 1), ImageFormat::Png);
    zip(&archive, false, &[("in/a.png", &image), ("in/b.png", &image), ("attributes.csv", b"nonsense")]);
    for path in [&photos, &archive] {
        let data = open(path, &elsewhere).expect("open");
        let attributes = data.attributes().expect("attributes");
        assert_eq!(
            (&attributes.names[..], &attributes.values[..]),
            (&["width".to_owned()][..], &[3.0, 4.0][..])
        );
        assert_eq!(data.notes(), ["2 rows of other.csv are for files that are not there, such as `x.png`"]);
    }
    put(&csv, b"file,width\nb.png,4\na.png,3\n");
    let text = refusal(&photos, &elsewhere);
    assert!(text.contains("other.csv: has no row for the image `in/a.png`"), "{text}");
    let missing = Options { attributes: Some(folder.path().join("none.csv")), ..options(8) };
    let text = refusal(&photos, &missing);
    assert!(text.contains("none.csv: there is no such file"), "{text}");
}

#[test]
fn sets_without_file_names_have_no_use_for_a_table() {
    let folder = tempdir().expect("folder");
    let csv = folder.path().join("some.csv");
    put(&csv, b"file,tilt\na.png,1\n");
    let given = Options { attributes: Some(csv), ..Options::default() };
    put(&folder.path().join("idx/train-images-idx3-ubyte"), &idx(&[2, 3, 3], &[7; 18]));
    put(&folder.path().join("cifar/train.bin"), &cifar_record(&[1, 2], [1, 2, 3]));
    let named = sentence(DataSet::open(gan_data::DEFAULT, &given).expect_err("no files"));
    let texts = ["idx", "cifar"].map(|name| refusal(&folder.path().join(name), &given));
    for text in texts.iter().chain([&named]) {
        assert!(text.starts_with("attributes: ") && text.contains("some.csv names images"), "{text}");
    }
    assert!(named.contains(gan_data::DEFAULT), "{named}");
}

#[test]
fn a_table_that_is_wrong_is_refused_by_its_line() {
    let folder = tempdir().expect("folder");
    for name in ["a.png", "b.png", "c.png"] {
        put_png(&folder.path().join(name), &gradient(4, 4, 0));
    }
    let long = format!("file,t\na.png,\"{}", "x\n".repeat(500));
    let cases: [(&[u8], &str); 18] = [
        (b"f,t\na.png,1\n", "has no row for the image `b.png` (rows are missing for 2 of 3 images)"),
        (b"f,t\na.png,1\nb.png,2\n\n./a.png,1\n", "line 5 is a second row for `./a.png`, after line 2"),
        (b"f,t\na.png,1\nb.png,tall\n", "line 3 says `tall` for `t`, which is no finite number"),
        (b"f,t\r\na.png,1\r\nb.png,NaN\r\n", "line 3 says `NaN` for `t`"),
        (b"f,t\na.png,1\nb.png,-inf\n", "line 3 says `-inf` for `t`"),
        (b"f,t\na.png,1e39\n", "line 2 says `1e39` for `t`"),
        (b"f,t,u\na.png,1, \n", "line 2 says nothing for `u`"),
        (b"f,t\na.png,0,5\n", "line 2 has 3 cells and the header 2"),
        (b"f,t,u\na.png,1,2\nb.png,1\n", "line 3 has 2 cells and the header 3"),
        (b"", "line 1 has no attribute columns"),
        (b"file;t;u\na.png;1;2\n", "line 1 has no attribute columns"),
        (b"f\na.png\n", "line 1 has no attribute columns"),
        (b"a.png,1\nb.png,2\nc.png,3\n", "line 1 is a row for `a.png`; put a header"),
        (b"f,t, ,u\n", "line 1 has no name for column 3"),
        (b"f,t,u, t\n", "line 1 names the attribute `t` twice"),
        (b"f,\"t\nu\"\n", "line 1 has a line break or the like in the name of column 2"),
        (b"f,t\na.png,1\nb\xfc.png,2\n", "line 3 is not UTF-8"),
        (long.as_bytes(), "line 2 says `x\\nx\\n"),
    ];
    for (csv, words) in cases {
        put(&folder.path().join("attributes.csv"), csv);
        let text = refusal(folder.path(), &Options::default());
        let shown = String::from_utf8_lossy(csv);
        assert!(
            text.contains(&format!("attributes.csv: {words}")),
            "`{words}` is missing in `{text}` of {shown}"
        );
        assert!(text.len() < 400, "{text}");
    }
}

#[test]
fn a_look_at_the_set_names_them_with_their_ranges() {
    let folder = tempdir().expect("folder");
    folder_with_table(folder.path());
    let data = open(folder.path(), &options(8)).expect("open");
    let text = data.describe();
    assert!(text.ends_with("no classes, 2 attributes (tilt -1 to 4.5, is odd 0 to 1)"), "{text}");
    let found = inspect(folder.path().to_str().expect("utf-8"), &Options::default()).expect("inspect");
    assert_eq!(found.attributes, [("tilt".to_owned(), [-1.0, 4.5]), ("is odd".to_owned(), [0.0, 1.0])]);
    let text = found.to_string();
    assert!(text.contains("\n  attribute tilt: -1 to 4.5\n            is odd: 0 to 1\n"), "{text}");
}
