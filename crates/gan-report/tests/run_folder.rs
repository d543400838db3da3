//! A run folder as the background writer leaves it.

use std::path::{Path, PathBuf};

use gan_report::{LogLine, Moments, Picture, RunReport, draw_curves, read_log, save_curves};

fn line(images: u64, loss: f64) -> LogLine {
    let moments = |mean| Moments { mean, std: 0.5, count: 10 };
    LogLine {
        step: images / 64,
        images,
        seconds: images as f64 / 100.0,
        images_per_second: 100.0,
        values: [("loss/generator".into(), moments(loss)), ("score/real".into(), moments(0.6))]
            .into_iter()
            .collect(),
    }
}

fn log(lines: &[LogLine]) -> String {
    lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
}

fn event_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."))
        .collect();
    files.sort();
    files
}

/// Reads the TFRecords of a file and checks both checksums of each.
fn records(path: &Path) -> Vec<Vec<u8>> {
    let checksum = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8);
    let number = |data: &[u8]| u32::from_le_bytes(data.try_into().unwrap());
    let bytes = std::fs::read(path).unwrap();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(number(&rest[8..12]), checksum(&rest[..8]));
        let data = &rest[12..12 + length];
        assert_eq!(number(&rest[12 + length..16 + length]), checksum(data));
        records.push(data.to_vec());
        rest = &rest[16 + length..];
    }
    records
}

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_run_leaves_samples_events_and_curves() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (1..=3).map(|index| line(index * 640, 1.0 / index as f64)).collect();
    std::fs::write(folder.path().join("log.jsonl"), log(&lines)).unwrap();
    let report = RunReport::open(folder.path()).unwrap();
    report.text("config", "preset = \"dcgan-64\"");
    for line in &lines {
        report.report(line);
    }
    report.sample(1920, "samples", Picture::filled(40, 30, [1, 2, 3]), "samples/000001920.png");
    assert_eq!(report.close(), Vec::<String>::new());

    let png = std::fs::read(folder.path().join("samples/000001920.png")).unwrap();
    let curves = std::fs::read(folder.path().join("curves.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG") && curves.starts_with(b"\x89PNG"));
    let files = event_files(folder.path());
    assert_eq!(files.len(), 1);
    let records = records(&files[0]);
    // The version, the text, the start mark, three reports, the sample.
    assert_eq!(records.len(), 7);
    assert!(contains(&records[0], b"brain.Event:2"));
    assert!(contains(&records[1], b"preset = \"dcgan-64\""));
    for (record, line) in records[3..6].iter().zip(&lines) {
        // Field 2 of the event, a varint: the images.
        let step = [0x10, (line.images & 0x7f) as u8 | 0x80, (line.images >> 7) as u8];
        assert!(contains(record, &step));
        // Field 1 of the value is its name, field 2 (wire type 5) the number.
        let value = (line.values["loss/generator"].mean as f32).to_le_bytes();
        assert!(contains(record, &[b"\x0a\x0eloss/generator\x15".as_slice(), &value].concat()));
        assert!(contains(record, b"speed/images_per_second"));
    }
    assert!(contains(&records[6], &png), "the sample lies in the event file as it lies in the folder");
}

#[test]
fn every_restart_starts_its_own_event_file() {
    let folder = tempfile::tempdir().unwrap();
    for images in [64, 128] {
        let report = RunReport::open(folder.path()).unwrap();
        report.text("config", "seed = 1");
        report.report(&line(images, 1.0));
        assert!(report.close().is_empty());
    }
    let files = event_files(folder.path());
    assert_eq!(files.len(), 2);
    // Field 2, the step at which the resumed run starts, then field 7 with its field 1, START, set.
    let start = [0x10, 0x80, 0x01, 0x3a, 0x02, 0x08, 0x01];
    let starts: Vec<_> =
        files.iter().flat_map(|file| records(file)).filter(|r| contains(r, &start)).collect();
    assert_eq!(starts.len(), 1, "a text before the first report must not move the start to 0");
}

#[test]
fn nothing_to_report_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RunReport::open(folder.path().join("run")).unwrap().close().is_empty());
    std::fs::write(folder.path().join("run/log.jsonl"), "").unwrap();
    assert!(!save_curves(folder.path().join("run")).unwrap());
    assert_eq!(std::fs::read_dir(folder.path().join("run")).unwrap().count(), 1);
}

#[test]
fn failures_are_sentences_one_a_kind_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // A file stands where the folder of the samples should be.
    std::fs::write(folder.path().join("samples"), "in the way").unwrap();
    let report = RunReport::open(folder.path()).unwrap();
    for images in [1, 2, 3] {
        report.sample(images, "samples", Picture::filled(4, 4, [0; 3]), format!("samples/{images}.png"));
    }
    report.sample(4, "samples", Picture::filled(4, 4, [0; 3]), "../outside.png");
    report.sample(5, "samples", Picture { width: 9, ..Picture::filled(4, 4, [0; 3]) }, "wrong.png");
    report.report(&line(64, 1.0));
    let warnings = report.close();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("cannot create the folder "), "{warnings:?}");
    assert!(warnings[0].contains("samples: ") && warnings[0].ends_with("(and 3 times more)"), "{warnings:?}");
    assert!(warnings[1].contains("outside the run folder"), "{warnings:?}");
    assert!(!folder.path().parent().unwrap().join("outside.png").exists());
    let records = records(&event_files(folder.path())[0]);
    assert!(contains(records.last().unwrap(), b"loss/generator"), "the event file goes on");
}

#[test]
fn a_run_folder_that_cannot_be_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run"), "a file").unwrap();
    let error = RunReport::open(folder.path().join("run")).unwrap_err().to_string();
    assert!(error.starts_with("cannot create the run folder "), "{error}");
}

/// The disk is full: every file of this process ends at 4 KiB. The limit is set by a shell that
/// starts this test again; without it, the test only starts that shell.
#[cfg(unix)]
#[test]
fn a_full_disk_never_stops_a_run() {
    const CHILD: &str = "GAN_REPORT_TEST_SMALL_DISK";
    if let Ok(folder) = std::env::var(CHILD) {
        let report = RunReport::open(&folder).unwrap();
        for index in 1..=200 {
            report.report(&line(index * 64, 1.0));
        }
        let noise =
            (0..3 * 64 * 64_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let picture = Picture::new(64, 64, 3, noise).unwrap();
        report.sample(12_800, "samples", picture.clone(), "samples/1.png");
        report.sample(12_864, "samples", picture, "samples/2.png");
        for warning in report.close() {
            println!("warning: {warning}");
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("sh")
        // `ulimit -f` counts blocks of 512 bytes; ignoring the signal makes writes fail instead.
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact a_full_disk_never_stops_a_run --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let warnings: Vec<_> = text.lines().filter(|line| line.contains("warning: cannot write ")).collect();
    assert_eq!(warnings.len(), 3, "scalars, samples, images in the event file: {text}");
    assert!(
        warnings.iter().any(|line| line.contains("1.png") && line.ends_with("(and once more)")),
        "{text}"
    );
    assert!(!folder.path().join("samples/1.png").exists());
    assert_eq!(std::fs::read_dir(folder.path().join("samples")).unwrap().count(), 0, "no remains");
    // What fitted is whole: the reader checks every sum.
    let events = &event_files(folder.path())[0];
    assert!(std::fs::metadata(events).unwrap().len() <= 8 * 1024);
    assert!(contains(records(events).last().unwrap(), b"loss/generator"));
}

#[test]
fn the_log_is_read_with_torn_lines_nulls_and_a_resumed_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    assert_eq!(read_log(&path).unwrap(), []);
    let mut text = log(&[line(64, 1.0), line(128, f64::NAN), line(192, 3.0), line(128, 4.0)]);
    text += r#"{"step":9,"images":999,"seconds":1.0,"images_per_"#;
    std::fs::write(&path, text).unwrap();
    let lines = read_log(&path).unwrap();
    // The run was resumed at 64 images and has overtaken the lines at 128 and 192.
    assert_eq!(lines, [line(64, 1.0), line(128, 4.0)]);

    std::fs::write(&path, log(&[line(64, f64::NAN)])).unwrap();
    assert!(read_log(&path).unwrap()[0].values["loss/generator"].mean.is_nan());
    std::fs::write(&path, b"\xff\xfe\n\n{}\n").unwrap();
    assert_eq!(read_log(&path).unwrap(), []);
}

#[test]
fn a_line_is_read_as_the_trainer_writes_it() {
    let text = r#"{"step":100,"images":12800,"seconds":12.3,"images_per_second":512.0,"values":
        {"loss/discriminator":{"mean":1.2,"std":0.1,"count":50},"a":{"mean":null}}}"#;
    let line: LogLine = serde_json::from_str(text).unwrap();
    assert_eq!((line.step, line.images, line.seconds, line.images_per_second), (100, 12800, 12.3, 512.0));
    assert_eq!(line.values["loss/discriminator"], Moments { mean: 1.2, std: 0.1, count: 50 });
    assert!(line.values["a"].mean.is_nan() && line.values["a"].count == 0);
    assert_eq!(line.values.keys().collect::<Vec<_>>(), ["loss/discriminator", "a"]);
}

#[test]
fn curves_grow_a_panel_for_a_group_nobody_knew() {
    let mut lines: Vec<_> = (1..100).map(|index| line(index * 640, 1.0)).collect();
    let before = draw_curves(&lines, "run").unwrap().unwrap();
    for line in &mut lines {
        // Four panels fill the second row; five would start a third.
        line.values.insert("convergence/distance".into(), Moments { mean: 0.3, std: 0.1, count: 1 });
        line.values.insert("balance/p".into(), Moments { mean: f64::INFINITY, std: 0.1, count: 1 });
    }
    let after = draw_curves(&lines, "run").unwrap().unwrap();
    assert!(after.height > before.height && after.width == before.width);
    assert!(draw_curves(&[], "run").unwrap().is_none());
}

/// The curve is where its value is: constant losses at either end of the scale's middle.
#[test]
fn a_curve_is_drawn_where_its_value_lies() {
    let mut lines: Vec<_> = (1..=100).map(|index| line(index * 640, 1.0)).collect();
    for line in &mut lines {
        let moments = |mean| Moments { mean, std: 0.0, count: 1 };
        line.images_per_second = f64::NAN;
        line.values = [("score/real".to_owned(), moments(0.75)), ("score/fake".to_owned(), moments(0.25))]
            .into_iter()
            .collect();
    }
    let picture = draw_curves(&lines, "").unwrap().unwrap();
    // Down the middle of the only panel: the rows in which a bluish or an orange pixel lies.
    let column = |test: fn(&[u8]) -> bool| -> Vec<u32> {
        (100..picture.height)
            .filter(|&y| {
                test(&picture.pixels[((y * picture.width + picture.width / 2 + 7) * 3) as usize..][..3])
            })
            .collect()
    };
    let blue = column(|p| p[2] > p[0].saturating_add(60));
    let orange = column(|p| p[0] > p[2].saturating_add(60));
    assert!(!blue.is_empty() && blue.len() <= 4, "{blue:?}");
    assert!(!orange.is_empty() && orange.len() <= 4, "{orange:?}");
    // Grey lines are the grid's, at 0.2, 0.4, ...: the distance of the curves must be half the axis.
    let axis = f64::from(orange[0] - blue[0]) * 2.0;
    assert!((190.0..220.0).contains(&axis), "{axis}");
}
