//! What the images of an opened set look like, and what becomes of an image's own size on the way there.

use crate::error::{Error, Result};
use crate::fit::copy_rows;
use crate::options::{Fit, Options};
use crate::order::Pick;
use crate::probe::Probed;
use crate::reader::{Backing, Listing};

/// Pixels that no image is scaled to more than, whatever its proportions.
const MOST_SCALED: u64 = 1 << 28;

/// What every image of an opened data set looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub channels: u32,
    pub height: u32,
    pub width: u32,
    /// Not `Auto`.
    pub fit: Fit,
    /// The load size of a fit that has one; 0 for the others.
    pub load: u32,
}

impl Target {
    /// Bytes of one image.
    pub fn bytes(&self) -> usize {
        self.channels as usize * self.height as usize * self.width as usize
    }

    /// Width and height.
    pub fn size(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    /// Width and height of an image of this width and height once it is scaled, before a piece is cut out of it.
    /// Reasons for refusal are pieces of a sentence after a file's name.
    pub fn scaled(&self, own: [u32; 2]) -> Result<[u32; 2], String> {
        let Self { width, height, fit, .. } = *self;
        let [scaled_width, scaled_height] = match fit {
            Fit::Auto | Fit::Crop | Fit::Pad | Fit::PadEdge | Fit::Stretch => return Ok(self.size()),
            Fit::ResizeAndCrop => [proportional(width, self.load, height), u64::from(self.load)],
            _ => scaled_freely(fit, self.load, own),
        };
        let [own_width, own_height] = own;
        let mut is = format!("is {own_width} x {own_height}");
        if [scaled_width, scaled_height] != own.map(u64::from) {
            is += &format!(" and becomes {scaled_width} x {scaled_height}");
        }
        if scaled_width.saturating_mul(scaled_height) > MOST_SCALED {
            return Err(format!("{is}, which is too large; choose a smaller load_size"));
        }
        let scaled = [scaled_width as u32, scaled_height as u32];
        if fit.crops_at_random() {
            if scaled[0] >= width && scaled[1] >= height {
                return Ok(scaled);
            }
            let instead = match fit {
                Fit::RandomCrop => "a fit that enlarges, such as resize-and-crop",
                _ => "a larger load_size",
            };
            return Err(format!(
                "{is}, too small for the pieces of {width} x {height} that {fit} cuts out; choose a smaller size or \
                 {instead}"
            ));
        }
        if scaled == self.size() {
            return Ok(scaled);
        }
        Err(format!(
            "{is}, and with {fit} every image must come to {width} x {height}; choose another fit, such as crop"
        ))
    }

    /// What an image is fitted to before a piece of it is cut out.
    pub fn before_crop(&self, [width, height]: [u32; 2]) -> Self {
        match self.fit.crops_at_random() || self.fit.follows_images() {
            true => Self { width, height, fit: Fit::Stretch, ..*self },
            false => *self,
        }
    }

    /// Writes planes of an image of size `from` into `out` as `pick` asks: the piece that it cuts out, mirrored or not.
    pub fn show(&self, planes: &[u8], from: [u32; 2], pick: &Pick, out: &mut [u8]) {
        let [row, rows] = from.map(|side| side as usize);
        let [width, height] = self.size().map(|side| side as usize);
        if [row, rows] == [width, height] {
            return copy_rows(planes, out, width, pick.flip);
        }
        // Each of the places where a piece can lie has the same chance.
        let place = |chance: u32, room: usize| ((u64::from(chance) * (room as u64 + 1)) >> 32) as usize;
        let left = place(pick.crop[0], row.saturating_sub(width));
        let top = place(pick.crop[1], rows.saturating_sub(height));
        for (plane, out) in planes.chunks_exact(row * rows).zip(out.chunks_exact_mut(width * height)) {
            let lines = plane.chunks_exact(row).skip(top).zip(out.chunks_exact_mut(width));
            lines.for_each(|(line, out)| copy_rows(&line[left..left + width], out, width, pick.flip));
        }
    }

    /// How an image of this size gets there, as words in brackets; nothing where it is there.
    pub fn words(&self, own: [u32; 2]) -> String {
        let [own_width, own_height] = own;
        let from = format!("from {own_width} x {own_height}");
        let scaled = self.scaled(own).unwrap_or(own);
        let [width, height] = scaled;
        let how = match self.fit {
            Fit::Pad => "padded with black",
            Fit::PadEdge => "padded with their edges",
            Fit::Stretch => "stretched",
            Fit::Auto | Fit::Crop => "cropped and resized",
            Fit::ScaleWidth => "scaled",
            Fit::ResizeAndCrop | Fit::ScaleWidthAndCrop if scaled != own => {
                let how = if self.fit == Fit::ResizeAndCrop { "stretched" } else { "scaled" };
                return format!(" (cut at random from {width} x {height}, {how} {from})");
            }
            _ => "cut at random",
        };
        if own == self.size() { String::new() } else { format!(" ({how} {from})") }
    }
}

/// Width and height by a fit that keeps proportions.
fn scaled_freely(fit: Fit, load: u32, [width, height]: [u32; 2]) -> [u64; 2] {
    match fit {
        Fit::ScaleWidth | Fit::ScaleWidthAndCrop => [u64::from(load), proportional(height, load, width)],
        _ => [width, height].map(u64::from),
    }
}

/// `value * numerator / denominator`, rounded, at least 1.
fn proportional(value: u32, numerator: u32, denominator: u32) -> u64 {
    let denominator = u64::from(denominator.max(1));
    ((u64::from(value) * u64::from(numerator) + denominator / 2) / denominator).max(1)
}

/// What the images of `listing` become, by the options or else by the images that were looked at.
pub(crate) fn decide(listing: &Listing, options: &Options, probed: &[Probed]) -> Result<Target> {
    let first = probed.first().map_or([1, 1], |probed| probed.size);
    let has_colour = probed.iter().any(|probed| probed.channels >= 3);
    let channels = options.channels.unwrap_or(if has_colour { 3 } else { 1 });
    let mut fit = options.fit;
    let load = if fit.loads() { load_size(options)? } else { 0 };
    let [width, height] = if fit.follows_images() {
        followed(listing, options, load, probed)?
    } else if let Some(asked) = options.asked() {
        asked
    } else {
        if let Some(other) = probed.iter().find(|probed| probed.size != first) {
            let ([width, height], [w, h]) = (first, other.size);
            let why = format!(
                "the images have several sizes, such as {width} x {height} and {w} x {h}; choose one"
            );
            return Err(Error::config("size", why));
        }
        first
    };
    if fit == Fit::Auto {
        let slightly_smaller = |own: u32, side: u32| own < side && side <= own + own / 4;
        let is_raw = matches!(listing.backing, Backing::Raw(_));
        let pads = is_raw && slightly_smaller(first[0], width) && slightly_smaller(first[1], height);
        fit = if pads { Fit::Pad } else { Fit::Crop };
    }
    Ok(Target { channels, height, width, fit, load })
}

fn load_size(options: &Options) -> Result<u32> {
    if let Some(load) = options.load_size {
        return Ok(load);
    }
    let Some([width, height]) = options.asked() else {
        let why = format!("the fit {} needs the width that images are scaled to; choose one", options.fit);
        return Err(Error::config("load_size", why));
    };
    Ok(match options.fit {
        Fit::ScaleWidth => width,
        Fit::ScaleWidthAndCrop => proportional(width, 286, 256) as u32,
        _ => proportional(height, 286, 256) as u32,
    })
}

/// The size that all images come to by themselves.
fn followed(listing: &Listing, options: &Options, load: u32, probed: &[Probed]) -> Result<[u32; 2]> {
    let fit = options.fit;
    let name = |probed: &Probed| listing.backing.image_name(probed.index).display().to_string();
    let mut known: Option<([u64; 2], &Probed)> = None;
    for image in probed {
        let [width, height] = scaled_freely(fit, load, image.size);
        match known {
            None => known = Some(([width, height], image)),
            Some((size, _)) if size == [width, height] => {}
            Some(([w, h], first)) => {
                let why = format!(
                    "with {fit} all images must come to one size, but {} comes to {w} x {h} and {} to {width} x \
                     {height}; choose a size and another fit, such as crop",
                    name(first),
                    name(image)
                );
                return Err(Error::config("size", why));
            }
        }
    }
    let [width, height] = known.map_or([1, 1], |(size, _)| size);
    if let Some([w, h]) = options.asked()
        && [width, height] != [w, h].map(u64::from)
    {
        let why = format!(
            "{w} x {h} was asked for, but with {fit} the images come to {width} x {height}; leave the size out or \
             choose another fit, such as crop"
        );
        return Err(Error::config("size", why));
    }
    if width.saturating_mul(height) > MOST_SCALED {
        return Err(Error::config(
            "load_size",
            format!("{load} makes images of {width} x {height}; choose less"),
        ));
    }
    Ok([width as u32, height as u32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(width: u32, height: u32, fit: Fit, load: u32) -> Target {
        Target { channels: 1, height, width, fit, load }
    }

    #[test]
    fn sizes_before_the_crop() {
        let own = [300, 200];
        assert_eq!(target(256, 256, Fit::ResizeAndCrop, 286).scaled(own), Ok([286, 286]));
        assert_eq!(target(512, 256, Fit::ResizeAndCrop, 286).scaled(own), Ok([572, 286]));
        assert_eq!(target(64, 64, Fit::RandomCrop, 0).scaled(own), Ok(own));
        assert_eq!(target(64, 64, Fit::ScaleWidthAndCrop, 100).scaled(own), Ok([100, 67]));
        assert_eq!(target(100, 67, Fit::ScaleWidth, 100).scaled(own), Ok([100, 67]));
        assert_eq!(target(64, 32, Fit::Crop, 0).scaled(own), Ok([64, 32]));
        let small = target(256, 256, Fit::RandomCrop, 0).scaled(own).expect_err("too small");
        assert!(small.starts_with("is 300 x 200, too small for the pieces of 256 x 256"), "{small}");
        let small = target(64, 80, Fit::ScaleWidthAndCrop, 100).scaled(own).expect_err("too small");
        assert!(small.contains("becomes 100 x 67") && small.contains("larger load_size"), "{small}");
        assert!(target(100, 60, Fit::ScaleWidth, 100).scaled(own).is_err());
        assert!(target(16_384, 1, Fit::ScaleWidthAndCrop, 16_384).scaled([1, 60_000]).is_err());
    }

    #[test]
    fn pieces_reach_every_place_and_the_plain_one_is_the_centre() {
        let planes: Vec<u8> = (0..2 * 20).collect(); // two planes, 5 wide and 4 high
        let target = Target { channels: 2, ..target(2, 3, Fit::RandomCrop, 0) };
        let shown = |pick: Pick| {
            let mut out = vec![0; target.bytes()];
            target.show(&planes, [5, 4], &pick, &mut out);
            out
        };
        assert_eq!(shown(Pick::plain(0)), [1, 2, 6, 7, 11, 12, 21, 22, 26, 27, 31, 32]);
        assert_eq!(shown(Pick { crop: [0; 2], ..Pick::plain(0) })[..2], [0, 1]);
        assert_eq!(shown(Pick { crop: [u32::MAX; 2], flip: true, ..Pick::plain(0) })[..2], [9, 8]);
        let chances = (0..8u32).map(|eighth| Pick { crop: [eighth << 29, 0], ..Pick::plain(0) });
        assert_eq!(chances.map(|pick| shown(pick)[0]).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3]);
    }
}
