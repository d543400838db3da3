//! Points in the plane as a picture.

use crate::error::{Error, Result};
use crate::picture::Picture;
use plotters::prelude::*;

/// What [`scatter`] draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter<'a> {
    /// Drawn first, grey: where the truth lies.
    pub real: &'a [[f32; 2]],
    /// Drawn over it, blue and half transparent.
    pub samples: &'a [[f32; 2]],
    /// The picture shows minus this to this on both axes; what lies outside stays at its edge.
    pub extent: f32,
}

/// Pixels of the picture's side.
const SIDE: u32 = 480;
const AXIS: RGBColor = RGBColor(225, 225, 225);
const REAL: RGBColor = RGBColor(150, 150, 150);
const SAMPLE: RGBColor = RGBColor(31, 104, 180);

/// Draws points over points; those that are not finite are left out.
pub fn scatter(points: &Scatter) -> Result<Picture> {
    let extent = points.extent;
    if !(extent.is_finite() && extent > 0.0) {
        return Err(Error::Picture(format!("a scatter plot from {} to {extent}", -extent)));
    }
    let mut pixels = vec![255; (SIDE * SIDE * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (SIDE, SIDE)).into_drawing_area();
        // Each dot whole inside the picture.
        let side = (SIDE - 1) as f32;
        let margin = 4.0;
        let place = |value: f32| margin + (value / extent + 1.0) / 2.0 * (side - 2.0 * margin);
        let at = |[x, y]: [f32; 2]| {
            (
                place(x.clamp(-extent, extent)).round() as i32,
                (side - place(y.clamp(-extent, extent))).round() as i32,
            )
        };
        let end = (SIDE - 1) as i32;
        let middle = at([0.0, 0.0]);
        for line in [[(middle.0, 0), (middle.0, end)], [(0, middle.1), (end, middle.1)]] {
            area.draw(&PathElement::new(line, AXIS)).map_err(drawing)?;
        }
        let finite = |points: &[[f32; 2]]| -> Vec<[f32; 2]> {
            points.iter().filter(|point| point.iter().all(|value| value.is_finite())).copied().collect()
        };
        for point in finite(points.real) {
            area.draw(&Circle::new(at(point), 2, REAL.mix(0.35).filled())).map_err(drawing)?;
        }
        for point in finite(points.samples) {
            area.draw(&Circle::new(at(point), 1, SAMPLE.mix(0.55).filled())).map_err(drawing)?;
        }
        area.present().map_err(drawing)?;
    }
    Picture::new(SIDE, SIDE, 3, pixels)
}

fn drawing(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * picture.width + x) * 3) as usize;
        [picture.pixels[at], picture.pixels[at + 1], picture.pixels[at + 2]]
    }

    #[test]
    fn points_lie_where_they_belong() {
        let samples = [[0.5, 0.5], [f32::NAN, 0.0], [-9.0, -9.0]];
        let picture =
            scatter(&Scatter { real: &[[-0.5, 0.5]], samples: &samples, extent: 1.0 }).expect("picture");
        let (low, high) = (122, 357); // a quarter and three quarters of the way, with y upwards
        let [sample, real] = [pixel(&picture, high, low), pixel(&picture, low, low)];
        assert!(sample[2] > sample[0] + 50, "blue: {sample:?}");
        assert!(real[0] == real[1] && real[0] < 240, "grey: {real:?}");
        assert_eq!(pixel(&picture, high, high), [255; 3]);
        // What lies outside stays at the edge.
        assert!(pixel(&picture, 4, SIDE - 5)[0] < 200);
    }

    #[test]
    fn an_extent_that_is_none_is_refused() {
        for extent in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(scatter(&Scatter { real: &[], samples: &[], extent }).is_err());
        }
    }
}
