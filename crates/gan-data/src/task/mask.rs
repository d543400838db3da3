//! Holes: boxes and free-form brush strokes, drawn on the host, or pictures of a folder.

use super::draws::Host;
use super::inpaint::Inpaint;
use crate::dataset::{DataSet, Scratch};
use crate::error::{Error, Result};
use crate::options::{Fit, Options};
use crate::order::Pick;
use crate::originals::over_black;
use std::f64::consts::PI;
use std::path::Path;

/// The sharpest that a stroke turns, either way.
const SHARPEST: f64 = 2.0 * PI / 3.0;
/// Shapes tried beyond those asked for, where these cover too little.
const TRIES: u32 = 16;
/// Bytes of memory for decoded masks.
const MEMORY: u64 = 256 << 20;

/// One mask of `[h, w]` pixels, 1 in the hole and 0 elsewhere, appended to `out`.
pub(super) fn draw(settings: &Inpaint, [h, w]: [usize; 2], host: &mut Host, out: &mut Vec<u8>) {
    let pixels = (h * w) as f64;
    let [least, most] = settings.share.map(|share| (share * pixels).max(1.0) as usize);
    let mut canvas = Canvas { h, w, hole: vec![0; h * w], filled: Vec::new() };
    let [boxes, strokes] =
        [settings.boxes, settings.strokes].map(|count| host.whole(count.map(u64::from)) as u32);
    for _ in 0..boxes {
        canvas.unless_beyond(most, |canvas| rectangle(settings, host, canvas));
    }
    for _ in 0..strokes {
        canvas.unless_beyond(most, |canvas| stroke(settings, host, canvas));
    }
    for _ in 0..TRIES {
        if canvas.filled.len() >= least {
            break;
        }
        match settings.strokes[1] {
            0 => canvas.unless_beyond(most, |canvas| rectangle(settings, host, canvas)),
            _ => canvas.unless_beyond(most, |canvas| stroke(settings, host, canvas)),
        }
    }
    if canvas.filled.len() < least {
        // Settings whose shapes never cover as much: a box of just that share.
        canvas.cut_back(0);
        let side = settings.share[0].sqrt();
        canvas.rectangle(host, [side, side].map(|share| [share, share]));
    }
    out.append(&mut canvas.hole);
}

fn rectangle(settings: &Inpaint, host: &mut Host, canvas: &mut Canvas) {
    canvas.rectangle(host, [settings.box_side; 2]);
}

/// A zigzag of one width with round ends (in the manner of Yu et al. 2019, "Free-form image inpainting with gated
/// convolution", section 3.4): every turn is to the other side than the one before.
fn stroke(settings: &Inpaint, host: &mut Host, canvas: &mut Canvas) {
    let side = canvas.h.min(canvas.w) as f64;
    let radius = host.within(settings.stroke_width) * side / 2.0;
    let mut from = [host.within([0.0, canvas.h as f64]), host.within([0.0, canvas.w as f64])];
    let mut heading = host.within([0.0, 2.0 * PI]);
    let mut turn = 1.0;
    for _ in 0..host.whole(settings.stroke_segments.map(u64::from)) {
        let length = host.within(settings.stroke_length) * side;
        let to = [from[0] + length * heading.sin(), from[1] + length * heading.cos()];
        let to = [to[0].clamp(0.0, canvas.h as f64), to[1].clamp(0.0, canvas.w as f64)];
        canvas.segment(from, to, radius);
        heading += turn * host.within([0.0, SHARPEST]);
        (from, turn) = (to, -turn);
    }
}

/// A mask in the making.
struct Canvas {
    h: usize,
    w: usize,
    hole: Vec<u8>,
    /// Every pixel in the hole, in the order in which they were filled: shapes can be taken back.
    filled: Vec<usize>,
}

impl Canvas {
    /// Paints a shape, and takes it back if the hole is then larger than `most` pixels.
    fn unless_beyond(&mut self, most: usize, paint: impl FnOnce(&mut Self)) {
        let before = self.filled.len();
        paint(self);
        if self.filled.len() > most {
            self.cut_back(before);
        }
    }

    fn cut_back(&mut self, count: usize) {
        for at in self.filled.drain(count..) {
            self.hole[at] = 0;
        }
    }

    fn fill(&mut self, y: usize, x: usize) {
        let at = y * self.w + x;
        if self.hole[at] == 0 {
            self.hole[at] = 1;
            self.filled.push(at);
        }
    }

    /// A box that lies within the image, of sides drawn from shares of the image's.
    fn rectangle(&mut self, host: &mut Host, shares: [[f64; 2]; 2]) {
        let mut place = |side: usize, share: [f64; 2]| {
            let length = ((host.within(share) * side as f64).round() as usize).clamp(1, side);
            let first = host.whole([0, (side - length) as u64]) as usize;
            first..first + length
        };
        let (rows, columns) = (place(self.h, shares[0]), place(self.w, shares[1]));
        for y in rows {
            columns.clone().for_each(|x| self.fill(y, x));
        }
    }

    /// Every pixel whose centre is within `radius` of the line from one point `[y, x]` to another, and at least the
    /// pixel in which it ends.
    fn segment(&mut self, from: [f64; 2], to: [f64; 2], radius: f64) {
        let range = |axis: usize, side: usize| {
            let low = (from[axis].min(to[axis]) - radius - 0.5).ceil().max(0.0) as usize;
            let high = (from[axis].max(to[axis]) + radius - 0.5).floor().min(side as f64 - 1.0) as usize;
            low..=high
        };
        let along = [to[0] - from[0], to[1] - from[1]];
        let squared = along[0] * along[0] + along[1] * along[1];
        for y in range(0, self.h) {
            for x in range(1, self.w) {
                let here = [y as f64 + 0.5 - from[0], x as f64 + 0.5 - from[1]];
                let dot = here[0] * along[0] + here[1] * along[1];
                let share = if squared > 0.0 { (dot / squared).clamp(0.0, 1.0) } else { 0.0 };
                let off = [here[0] - share * along[0], here[1] - share * along[1]];
                if off[0] * off[0] + off[1] * off[1] <= radius * radius {
                    self.fill(y, x);
                }
            }
        }
        self.fill((to[0] as usize).min(self.h - 1), (to[1] as usize).min(self.w - 1));
    }
}

/// Pictures that are looked at before training, to know that there are holes at all.
const SAMPLES: usize = 64;

/// Pictures of masks: white is the hole, black and what is transparent are not.
#[derive(Debug)]
pub(super) struct MaskFolder {
    masks: DataSet,
    size: [usize; 2],
}

impl MaskFolder {
    /// Opens masks for images of `[h, w]` pixels.
    pub(super) fn open(path: &Path, size: [usize; 2]) -> Result<Self> {
        let options = Options {
            size: Some(size[0] as u32),
            width: Some(size[1] as u32),
            channels: Some(2),
            // Stretched: what the image's corners are is so the mask's too.
            fit: Fit::Stretch,
            mirror: true,
            memory: MEMORY,
            ..Options::default()
        };
        Ok(Self { masks: DataSet::open(&path.to_string_lossy(), &options)?, size })
    }

    /// For which images they were opened.
    pub(super) fn size(&self) -> [usize; 2] {
        self.size
    }

    /// One of the masks, or its mirror image, appended to `out` as [`draw`] does.
    pub(super) fn draw(&self, host: &mut Host, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<()> {
        let mut picture = vec![0; 2 * self.size[0] * self.size[1]];
        let index = host.whole([0, self.masks.len() as u64 - 1]) as usize;
        let pick = Pick { flip: host.whole([0, 1]) == 1, ..Pick::plain(index) };
        self.masks.place(&pick, scratch, &mut picture)?;
        out.extend(holes(&picture).map(u8::from));
        Ok(())
    }

    /// Whether a mask can be read and has a hole, as far as some of them show.
    pub(super) fn check(&self) -> Result<()> {
        if !self.masks.samples(SAMPLES)?.iter().any(|picture| holes(picture).any(|hole| hole)) {
            let why =
                "has no white in its masks, which is what is to be filled in; draw holes in white on black";
            return Err(Error::data(self.masks.name(), why));
        }
        Ok(())
    }
}

/// Whether each pixel of grey and alpha `[2, h, w]` is in the hole.
fn holes(picture: &[u8]) -> impl Iterator<Item = bool> + '_ {
    over_black(picture).map(|grey| grey >= 128)
}
