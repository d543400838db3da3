//! What is written can be read back by the decoders that everybody uses.

use std::fs::File;
use std::io::BufReader;

use gan_report::{Grid, Picture, grid, save_apng, save_gif, save_png, strip, upscale_nearest};

/// Every pixel another colour, the channels' bytes all different.
fn picture(width: u32, height: u32, channels: u8) -> Picture {
    let count = width * height * u32::from(channels);
    let pixels = (0..count).map(|index| (index * 37 % 251) as u8).collect();
    Picture::new(width, height, channels, pixels).unwrap()
}

fn read_png(path: &std::path::Path) -> Picture {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    Picture::new(frame.width, frame.height, frame.color_type.samples() as u8, pixels).unwrap()
}

#[test]
fn png_comes_back_as_it_was_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    for channels in [1, 3, 4] {
        let path = folder.path().join(format!("new/folder/{channels}.png"));
        let picture = picture(13, 7, channels);
        save_png(&path, &picture).unwrap();
        save_png(&path, &picture).unwrap();
        assert_eq!(read_png(&path), picture);
    }
    assert_eq!(std::fs::read_dir(folder.path().join("new/folder")).unwrap().count(), 3);
}

#[test]
fn a_png_that_cannot_be_written_leaves_the_old_one_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    save_png(&path, &picture(4, 4, 3)).unwrap();
    // A folder stands where the file should go.
    let blocked = folder.path().join("b.png");
    std::fs::create_dir_all(blocked.join("inside")).unwrap();
    let error = save_png(&blocked, &picture(4, 4, 3)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}: ", blocked.display())), "{error}");
    let mut wrong = picture(4, 4, 3);
    wrong.pixels.pop();
    let error = save_png(&path, &wrong).unwrap_err().to_string();
    assert_eq!(error, "bad picture: 4 x 4 x 3 needs 48 bytes, got 47");
    assert_eq!(read_png(&path), picture(4, 4, 3));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn apng_keeps_every_frame_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("walk.png");
    let frames: Vec<_> = (0..5).map(|index| Picture::filled(9, 6, [index * 40, 10, 250])).collect();
    save_apng(&path, &frames, 12.5).unwrap();
    let mut reader = png::Decoder::new(BufReader::new(File::open(&path).unwrap())).read_info().unwrap();
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 5);
    for frame in &frames {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, frame.pixels);
        let control = reader.info().frame_control().unwrap();
        assert_eq!((control.delay_num, control.delay_den), (80, 1000));
    }
}

#[test]
fn gif_keeps_frames_delay_and_near_enough_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("walk.gif");
    let frames: Vec<_> = (0..4).map(|index| Picture::filled(8, 5, [index * 60, 30, 200])).collect();
    save_gif(&path, &frames, 20.0).unwrap();
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut reader = options.read_info(File::open(&path).unwrap()).unwrap();
    let mut count = 0;
    while let Some(frame) = reader.read_next_frame().unwrap() {
        assert_eq!((frame.width, frame.height, frame.delay), (8, 5, 5));
        let expected = frames[count].pixels.chunks_exact(3);
        for (got, expected) in frame.buffer.chunks_exact(4).zip(expected) {
            assert!(got.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 4), "{got:?} {expected:?}");
        }
        count += 1;
    }
    assert_eq!(count, 4);
    assert_eq!(reader.repeat(), gif::Repeat::Infinite);
}

#[test]
fn animations_refuse_what_makes_no_film() {
    let path = std::env::temp_dir().join("never-written.gif");
    let one = [Picture::filled(2, 2, [0; 3])];
    assert_eq!(save_gif(&path, &[], 10.0).unwrap_err().to_string(), "bad picture: an animation of no frames");
    assert!(save_gif(&path, &one, f64::NAN).is_err());
    let two = [one[0].clone(), Picture::filled(3, 2, [0; 3])];
    let error = save_apng(&path, &two, 10.0).unwrap_err().to_string();
    assert_eq!(error, "bad picture: frame 1 differs from the first in size or channels");
    assert!(!path.exists());
}

#[test]
fn planar_bytes_are_interleaved() {
    // Two images of two rows and one column: R R, G G, B B.
    let bytes = [1, 2, 11, 12, 21, 22, 101, 102, 111, 112, 121, 122];
    let pictures = Picture::from_planar(2, 3, 2, 1, &bytes).unwrap();
    assert_eq!(pictures[0].pixels, [1, 11, 21, 2, 12, 22]);
    assert_eq!(pictures[1].pixels, [101, 111, 121, 102, 112, 122]);
    assert!(Picture::from_planar(2, 3, 2, 1, &bytes[1..]).is_err());
}

#[test]
fn a_grid_puts_every_picture_where_it_belongs() {
    let colours: Vec<[u8; 3]> = (0..5).map(|index| [index * 50, 100, 7]).collect();
    let pictures: Vec<_> = colours.iter().map(|&colour| Picture::filled(4, 3, colour)).collect();
    let layout = Grid { columns: 3, padding: 2, background: [255, 0, 0], smallest_side: 6 };
    let sheet = grid(&pictures, &layout).unwrap();
    // Enlarged twice: tiles of 8 x 6.
    assert_eq!((sheet.width, sheet.height), (3 * 8 + 4 * 2, 2 * 6 + 3 * 2));
    let at = |x: u32, y: u32| &sheet.pixels[((y * sheet.width + x) * 3) as usize..][..3];
    for (index, colour) in colours.iter().enumerate() {
        let (left, top) = (2 + index as u32 % 3 * 10, 2 + index as u32 / 3 * 8);
        for (x, y) in [(left, top), (left + 7, top + 5)] {
            assert_eq!(at(x, y), colour, "picture {index}");
        }
        assert_eq!(at(left - 1, top), [255, 0, 0]);
        assert_eq!(at(left + 8, top), [255, 0, 0]);
    }
    assert_eq!(at(2 + 20, 2 + 8), [255, 0, 0], "the sixth place is empty");
}

#[test]
fn strips_mix_channels_and_grey_sheets_stay_grey() {
    let grey = picture(64, 64, 1);
    let sheet = strip(&[grey.clone(), Picture::filled(64, 64, [9, 8, 7])]).unwrap();
    assert_eq!((sheet.width, sheet.height, sheet.channels), (134, 68, 3));
    assert_eq!(strip(&[grey.clone(), grey]).unwrap().channels, 1);
    assert!(strip(&[]).is_err());
    assert!(strip(&[picture(4, 4, 3), picture(4, 5, 3)]).is_err());
}

#[test]
fn alpha_is_laid_over_white() {
    let picture = Picture::new(3, 1, 4, vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 51]).unwrap();
    assert_eq!(picture.to_rgb().pixels, [10, 20, 30, 255, 255, 255, 204, 204, 204]);
}

#[test]
fn nearest_enlarging_repeats_pixels() {
    let picture = Picture::new(2, 1, 3, vec![1, 2, 3, 4, 5, 6]).unwrap();
    let large = upscale_nearest(&picture, 2);
    assert_eq!((large.width, large.height), (4, 2));
    let row = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6];
    assert_eq!(large.pixels, [row, row].concat());
}
