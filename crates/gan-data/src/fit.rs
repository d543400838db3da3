//! Decoded pixels of any size and channels to planar pixels of the target's.

use crate::decode::Native;
use crate::options::Fit;
use crate::target::Target;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Which piece of the source lands where in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    /// Left, top, width, height in the source.
    from: [u32; 4],
    /// Left, top, width, height in the target.
    to: [u32; 4],
}

/// Left, top, width and height of the part of a target that shows an image of this size.
pub(crate) fn shown_in(own: [u32; 2], target: &Target) -> [u32; 4] {
    plan(own[0], own[1], target).to
}

fn plan(width: u32, height: u32, target: &Target) -> Plan {
    let (w, h) = (f64::from(width), f64::from(height));
    let (tw, th) = (f64::from(target.width), f64::from(target.height));
    let whole = [0, 0, width, height];
    let everywhere = [0, 0, target.width, target.height];
    match target.fit {
        Fit::Pad | Fit::PadEdge => {
            let scale = (tw / w).min(th / h).min(1.0);
            let pw = ((w * scale).round() as u32).clamp(1, target.width);
            let ph = ((h * scale).round() as u32).clamp(1, target.height);
            Plan { from: whole, to: [(target.width - pw) / 2, (target.height - ph) / 2, pw, ph] }
        }
        Fit::Auto | Fit::Crop => {
            let cw = ((h * tw / th).round() as u32).clamp(1, width);
            let ch = ((w * th / tw).round() as u32).clamp(1, height);
            Plan { from: [(width - cw) / 2, (height - ch) / 2, cw, ch], to: everywhere }
        }
        // Those that cut pieces out are told to stretch before.
        _ => Plan { from: whole, to: everywhere },
    }
}

/// Fits images, with buffers that are used again. One per thread.
#[derive(Debug, Default)]
pub(crate) struct Fitter {
    resizer: Resizer,
    resized: Vec<u8>,
}

impl Fitter {
    /// Writes `native` as planar pixels into `out`, which has `target.bytes()` bytes. May change `native`.
    pub fn fit(&mut self, native: &mut Native, target: &Target, out: &mut [u8]) -> Result<(), String> {
        if has_alpha(native.channels) && !has_alpha(target.channels) {
            lay_over_white(native);
        }
        let plan = plan(native.width, native.height, target);
        let [left, top, width, height] = plan.from;
        let channels = native.channels as usize;
        let view =
            if plan.from[2..] == plan.to[2..] {
                let stride = native.width as usize * channels;
                let start = top as usize * stride + left as usize * channels;
                View { pixels: &native.pixels[start..], stride, channels }
            } else {
                let kind = [PixelType::U8, PixelType::U8x2, PixelType::U8x3, PixelType::U8x4][channels - 1];
                let source = ImageRef::new(native.width, native.height, &native.pixels, kind);
                let source = source.map_err(|error| format!("cannot be resized: {error}"))?;
                let [_, _, to_width, to_height] = plan.to;
                let stride = to_width as usize * channels;
                self.resized.resize(stride * to_height as usize, 0);
                let resized = Image::from_slice_u8(to_width, to_height, &mut self.resized, kind);
                let mut resized = resized.map_err(|error| format!("cannot be resized: {error}"))?;
                let options = ResizeOptions::new()
                    .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
                    .crop(f64::from(left), f64::from(top), f64::from(width), f64::from(height));
                let done = self.resizer.resize(&source, &mut resized, &options);
                done.map_err(|error| format!("cannot be resized: {error}"))?;
                View { pixels: &self.resized, stride, channels }
            };
        write_planes(&view, plan.to, target, out);
        Ok(())
    }
}

/// Interleaved pixels, the first at the start.
struct View<'a> {
    pixels: &'a [u8],
    stride: usize,
    channels: usize,
}

fn write_planes(view: &View, to: [u32; 4], target: &Target, out: &mut [u8]) {
    let [left, top, width, height] = to.map(|value| value as usize);
    let (row, rows) = (target.width as usize, target.height as usize);
    let padded = width < row || height < rows;
    for (index, plane) in out.chunks_exact_mut(row * rows).enumerate() {
        if padded {
            plane.fill(0);
        }
        for y in 0..height {
            let source = &view.pixels[y * view.stride..][..width * view.channels];
            let start = (top + y) * row + left;
            write_row(source, view.channels, index, target.channels, &mut plane[start..start + width]);
        }
        if padded && target.fit == Fit::PadEdge {
            repeat_edges(plane, row, [left, top, width, height]);
        }
    }
}

/// One row of one plane: the channel itself, grey spread over colours, luma of colours, or opaque alpha.
fn write_row(source: &[u8], channels: usize, plane: usize, planes: u32, out: &mut [u8]) {
    let pick = |channel: usize, out: &mut [u8]| match channels {
        1 => out.copy_from_slice(source),
        2 => out.iter_mut().zip(source.chunks_exact(2)).for_each(|(out, pixel)| *out = pixel[channel]),
        3 => out.iter_mut().zip(source.chunks_exact(3)).for_each(|(out, pixel)| *out = pixel[channel]),
        _ => out.iter_mut().zip(source.chunks_exact(4)).for_each(|(out, pixel)| *out = pixel[channel]),
    };
    let source_is_grey = channels <= 2;
    if has_alpha(planes) && plane + 1 == planes as usize {
        return match has_alpha(channels as u32) {
            true => pick(channels - 1, out),
            false => out.fill(255),
        };
    }
    match (source_is_grey, planes <= 2) {
        (true, _) => pick(0, out),
        (false, false) => pick(plane, out),
        (false, true) => {
            for (out, pixel) in out.iter_mut().zip(source.chunks_exact(channels)) {
                // ITU-R 601-2 luma in 16-bit fixed point, as Pillow's conversion to `L`.
                let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
                *out = ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8;
            }
        }
    }
}

fn repeat_edges(plane: &mut [u8], row: usize, [left, top, width, height]: [usize; 4]) {
    for line in plane.chunks_exact_mut(row).skip(top).take(height) {
        let (first, last) = (line[left], line[left + width - 1]);
        line[..left].fill(first);
        line[left + width..].fill(last);
    }
    for y in 0..top {
        plane.copy_within(top * row..(top + 1) * row, y * row);
    }
    let bottom = top + height - 1;
    for y in bottom + 1..plane.len() / row {
        plane.copy_within(bottom * row..(bottom + 1) * row, y * row);
    }
}

fn has_alpha(channels: u32) -> bool {
    channels.is_multiple_of(2)
}

/// Grey and alpha to grey, RGBA to RGB, in place.
fn lay_over_white(native: &mut Native) {
    let channels = native.channels as usize;
    let kept = channels - 1;
    for pixel in 0..native.pixels.len() / channels {
        let at = pixel * channels;
        let alpha = u32::from(native.pixels[at + kept]);
        for channel in 0..kept {
            let value = u32::from(native.pixels[at + channel]);
            native.pixels[pixel * kept + channel] = ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
    }
    native.pixels.truncate(native.pixels.len() / channels * kept);
    native.channels = kept as u32;
}

/// Copies planar rows of `width` bytes, each reversed if `mirror`.
pub(crate) fn copy_rows(source: &[u8], out: &mut [u8], width: usize, mirror: bool) {
    if !mirror {
        return out.copy_from_slice(source);
    }
    for (source, out) in source.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        out.iter_mut().zip(source.iter().rev()).for_each(|(out, value)| *out = *value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(channels: u32, height: u32, width: u32, fit: Fit) -> Target {
        Target { channels, height, width, fit, load: 0 }
    }

    fn fitted(native: (u32, u32, u32, &[u8]), target: Target) -> Vec<u8> {
        let (width, height, channels, pixels) = native;
        let mut native = Native { width, height, channels, pixels: pixels.to_vec() };
        let mut out = vec![77; target.bytes()];
        Fitter::default().fit(&mut native, &target, &mut out).expect("fit");
        out
    }

    #[test]
    fn crop_takes_the_centre() {
        assert_eq!(plan(100, 60, &target(3, 30, 30, Fit::Crop)).from, [20, 0, 60, 60]);
        assert_eq!(plan(60, 101, &target(3, 30, 30, Fit::Crop)).from, [0, 20, 60, 60]);
        assert_eq!(plan(100, 100, &target(3, 20, 40, Fit::Crop)).from, [0, 25, 100, 50]);
        let row = fitted((4, 2, 1, &[1, 2, 3, 4, 5, 6, 7, 8]), target(1, 2, 2, Fit::Crop));
        assert_eq!(row, [2, 3, 6, 7]);
    }

    #[test]
    fn pad_centres_on_black_or_on_the_edge_and_never_enlarges() {
        let black = fitted((2, 1, 1, &[5, 9]), target(1, 3, 4, Fit::Pad));
        assert_eq!(black, [0, 0, 0, 0, 0, 5, 9, 0, 0, 0, 0, 0]);
        let edge = fitted((2, 1, 1, &[5, 9]), target(1, 3, 4, Fit::PadEdge));
        assert_eq!(edge, [5, 5, 9, 9, 5, 5, 9, 9, 5, 5, 9, 9]);
        assert_eq!(plan(100, 50, &target(1, 10, 10, Fit::Pad)).to, [0, 2, 10, 5]);
    }

    #[test]
    fn channels_become_each_other() {
        let rgb = (1, 1, 3, &[200u8, 100, 50][..]);
        assert_eq!(fitted(rgb, target(3, 1, 1, Fit::Crop)), [200, 100, 50]);
        assert_eq!(fitted(rgb, target(1, 1, 1, Fit::Crop)), [124]); // 0.299 * 200 + 0.587 * 100 + 0.114 * 50
        assert_eq!(fitted(rgb, target(4, 1, 1, Fit::Crop)), [200, 100, 50, 255]);
        assert_eq!(fitted(rgb, target(2, 1, 1, Fit::Crop)), [124, 255]);
        assert_eq!(fitted((1, 1, 1, &[7]), target(3, 1, 1, Fit::Crop)), [7, 7, 7]);
        let clear = (1, 1, 4, &[10u8, 20, 30, 0][..]);
        assert_eq!(fitted(clear, target(3, 1, 1, Fit::Crop)), [255, 255, 255]);
        assert_eq!(fitted(clear, target(4, 1, 1, Fit::Crop)), [10, 20, 30, 0]);
        assert_eq!(fitted((1, 1, 2, &[100, 128]), target(1, 1, 1, Fit::Crop)), [177]); // 255 + (100 - 255) * 128 / 255
    }

    #[test]
    fn shrinking_averages_instead_of_picking() {
        let stripes: Vec<u8> = (0..64 * 64).map(|at| if at % 2 == 0 { 0 } else { 255 }).collect();
        let small = fitted((64, 64, 1, &stripes), target(1, 8, 8, Fit::Stretch));
        let inner = &small[3 * 8 + 2..3 * 8 + 6];
        assert!(inner.iter().all(|value| (120..=135).contains(value)), "{inner:?}");
    }

    #[test]
    fn mirroring_reverses_rows() {
        let mut out = [0; 6];
        copy_rows(&[1, 2, 3, 4, 5, 6], &mut out, 3, true);
        assert_eq!(out, [3, 2, 1, 6, 5, 4]);
    }
}
