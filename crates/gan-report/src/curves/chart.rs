//! Panels to pixels, with plotters. Everything is drawn at twice the size and averaged down, which
//! is what makes thin lines and small text smooth.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Panel;
use crate::error::{Error, Result};
use crate::picture::Picture;

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Drawn pixels per pixel of the picture.
const SCALE: u32 = 2;
const PANEL_WIDTH: u32 = 560;
const PANEL_HEIGHT: u32 = 296;
const HEADER: u32 = 44;
const MARGIN: u32 = 12;

const FONT: &str = "DejaVu Sans";
const INK: RGBColor = RGBColor(34, 34, 34);
const FAINT_INK: RGBColor = RGBColor(110, 110, 110);
const AXIS: RGBColor = RGBColor(170, 170, 170);
const GRID: RGBColor = RGBColor(232, 232, 232);
/// Distinct on white and, in this order, for most eyes that confuse red and green.
const COLOURS: [RGBColor; 8] = [
    RGBColor(31, 104, 180),
    RGBColor(226, 106, 16),
    RGBColor(34, 140, 84),
    RGBColor(190, 40, 60),
    RGBColor(120, 82, 170),
    RGBColor(16, 150, 170),
    RGBColor(150, 100, 30),
    RGBColor(214, 90, 160),
];

pub(super) fn draw(panels: &[Panel], title: &str, summary: &str) -> Result<Picture> {
    register_fonts();
    let columns = if panels.len() == 1 { 1 } else { 2 };
    let rows = panels.len().div_ceil(columns as usize) as u32;
    let width = columns * PANEL_WIDTH + 2 * MARGIN;
    let height = rows * PANEL_HEIGHT + HEADER + MARGIN;
    let mut pixels = vec![255; (width * SCALE) as usize * (height * SCALE) as usize * 3];
    {
        let sheet =
            BitMapBackend::with_buffer(&mut pixels, (width * SCALE, height * SCALE)).into_drawing_area();
        let left = text(&sheet, title, (MARGIN + 10, 14), 17, true, INK)?;
        text(&sheet, summary, (left + 14, 18), 12, false, FAINT_INK)?;
        for (index, panel) in panels.iter().enumerate() {
            let x = MARGIN + index as u32 % columns * PANEL_WIDTH;
            let y = HEADER + index as u32 / columns * PANEL_HEIGHT;
            let area = sheet.clone().shrink(
                ((x * SCALE) as i32, (y * SCALE) as i32),
                (PANEL_WIDTH * SCALE, PANEL_HEIGHT * SCALE),
            );
            draw_panel(&area, panel)?;
        }
        sheet.present().map_err(drawing)?;
    }
    Ok(halve(&pixels, width, height))
}

fn draw_panel(area: &Area, panel: &Panel) -> Result<()> {
    text(area, &panel.title, (54, 6), 13, true, INK)?;
    let legend_bottom = draw_legend(area, panel)?;

    let (left, right) = x_limits(panel);
    let (bottom, top) = panel.limits.unwrap_or_else(|| y_limits(panel));
    let size = |pixels: u32| (pixels * SCALE) as i32;
    let mut chart = ChartBuilder::on(area)
        .margin_top(size(legend_bottom + 4))
        .margin_right(size(16))
        .margin_bottom(size(12))
        .x_label_area_size(size(34))
        .y_label_area_size(size(54))
        .build_cartesian_2d(left..right, bottom..top)
        .map_err(drawing)?;
    let label =
        |pixels: u32, colour: RGBColor| -> TextStyle { (FONT, pixels * SCALE).into_font().color(&colour) };
    chart
        .configure_mesh()
        .bold_line_style(GRID.stroke_width(SCALE))
        .light_line_style(TRANSPARENT)
        .axis_style(AXIS.stroke_width(SCALE))
        .set_all_tick_mark_size(size(3))
        .label_style(label(11, FAINT_INK))
        .axis_desc_style(label(11, FAINT_INK))
        .x_labels(7)
        .y_labels(6)
        .x_label_formatter(&|x| number(*x, right - left))
        .y_label_formatter(&|y| number(*y, top - bottom))
        .x_desc("images shown, thousands (kimg)")
        .draw()
        .map_err(drawing)?;

    // What is out of the panel stays at its edge, where it is seen to be out.
    let inside = |&(x, y): &(f64, f64)| (x, if y.is_finite() { y.clamp(bottom, top) } else { y });
    let plot = chart.plotting_area();
    for (series, &colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let smooth = series.smooth();
        let raw_style = match smooth {
            Some(_) => mixed_with_white(colour, 0.28).stroke_width(SCALE),
            None => colour.stroke_width(SCALE + 1),
        };
        let raw: Vec<_> = series.raw().iter().map(inside).collect();
        draw_line(plot, &raw, raw_style)?;
    }
    for (series, &colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        if let Some(smooth) = series.smooth() {
            let smooth: Vec<_> = smooth.iter().map(inside).collect();
            draw_line(plot, &smooth, colour.stroke_width(SCALE + 1))?;
        }
        for &(x, _) in series.points.iter().filter(|point| !point.1.is_finite()) {
            let cross = Cross::new((x, bottom), size(3), colour.stroke_width(SCALE));
            plot.draw(&cross).map_err(drawing)?;
        }
    }
    Ok(())
}

/// Segment by segment: plotters fills a thick path as one polygon, which tears where it folds back.
fn draw_line<CT>(
    plot: &DrawingArea<BitMapBackend, CT>,
    points: &[(f64, f64)],
    style: ShapeStyle,
) -> Result<()>
where
    CT: plotters::coord::CoordTranslate<From = (f64, f64)>,
{
    for pair in points.windows(2).filter(|pair| pair[0].1.is_finite() && pair[1].1.is_finite()) {
        plot.draw(&PathElement::new(pair.to_vec(), style)).map_err(drawing)?;
    }
    // A point without neighbours would be invisible, and a few reports are worth seeing as such.
    let finite = |index: usize| points.get(index).is_some_and(|point| point.1.is_finite());
    for (index, &point) in points.iter().enumerate().filter(|(_, point)| point.1.is_finite()) {
        let alone = !finite(index + 1) && (index == 0 || !finite(index - 1));
        if alone || points.len() <= 25 {
            plot.draw(&Circle::new(point, (SCALE * 2) as i32, style.color.filled())).map_err(drawing)?;
        }
    }
    Ok(())
}

/// Writes the series' names beneath the title and returns where the plot may begin.
fn draw_legend(area: &Area, panel: &Panel) -> Result<u32> {
    const LINE: u32 = 17;
    let (mut x, mut y) = (54, 26);
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let mut label = series.label.clone();
        match series.not_finite() {
            0 => {}
            1 => label += " (1 not finite)",
            count => label += &format!(" ({count} not finite)"),
        }
        let width = 24 + text_width(area, &label, 11)? + 16;
        if x > 54 && x + width > PANEL_WIDTH - 16 {
            (x, y) = (54, y + LINE);
        }
        let middle = ((y + 4) * SCALE) as i32;
        let ends = vec![((x * SCALE) as i32, middle), (((x + 18) * SCALE) as i32, middle)];
        area.draw(&PathElement::new(ends, colour.stroke_width(2 * SCALE))).map_err(drawing)?;
        text(area, &label, (x + 24, y), 11, false, INK)?;
        x += width;
    }
    Ok(y + LINE)
}

/// Draws text with its top left corner there and returns where it ends.
fn text(area: &Area, text: &str, at: (u32, u32), size: u32, bold: bool, colour: RGBColor) -> Result<u32> {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    let style = (FONT, size * SCALE, style).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Top));
    area.draw_text(text, &style, ((at.0 * SCALE) as i32, (at.1 * SCALE) as i32)).map_err(drawing)?;
    let (width, _) = area.estimate_text_size(text, &style).map_err(drawing)?;
    Ok(at.0 + width / SCALE)
}

fn text_width(area: &Area, text: &str, size: u32) -> Result<u32> {
    let style: TextStyle = (FONT, size * SCALE).into_font().into();
    Ok(area.estimate_text_size(text, &style).map_err(drawing)?.0 / SCALE)
}

fn x_limits(panel: &Panel) -> (f64, f64) {
    let all = || panel.series.iter().flat_map(|series| &series.points).map(|point| point.0);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    // Reports begin a little after the start; a run resumed from elsewhere may begin late.
    let low = if low < 0.2 * high || low == high { low.min(0.0) } else { low };
    if high > low { (low, high) } else { (low - 0.5, high + 0.5) }
}

/// All of the data, unless a few outliers would press the rest flat.
fn y_limits(panel: &Panel) -> (f64, f64) {
    let mut values: Vec<f64> = panel
        .series
        .iter()
        .flat_map(|series| &series.points)
        .map(|point| point.1)
        .filter(|y| y.is_finite())
        .collect();
    if values.is_empty() {
        return (0.0, 1.0);
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
    let (mut low, mut high) = (values[0], values[values.len() - 1]);
    if values.len() >= 50 {
        let core = at(0.98) - at(0.02);
        high = high.min(at(0.98) + 2.0 * core.max(1e-12));
        low = low.max(at(0.02) - 2.0 * core.max(1e-12));
    }
    if panel.from_zero {
        low = low.min(0.0);
    }
    let margin = match high - low {
        range if range > 1e-9 * high.abs().max(low.abs()) && range > 0.0 => 0.06 * range,
        _ => (0.1 * high.abs()).max(0.1),
    };
    (if panel.from_zero && low == 0.0 { 0.0 } else { low - margin }, high + margin)
}

/// As many digits as the axis needs to tell its ticks apart.
fn number(value: f64, range: f64) -> String {
    let largest = value.abs().max(range);
    if value != 0.0 && !(1e-4..1e6).contains(&largest) {
        return format!("{value:.1e}");
    }
    let digits = (2.0 - range.log10().floor()).clamp(0.0, 7.0) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match text.strip_prefix('-') {
        Some("0") => "0".into(),
        Some(rest) => format!("\u{2212}{rest}"),
        None => text.into(),
    }
}

fn mixed_with_white(colour: RGBColor, share: f64) -> RGBColor {
    let mix = |value: u8| (255.0 - share * (255.0 - f64::from(value))).round() as u8;
    RGBColor(mix(colour.0), mix(colour.1), mix(colour.2))
}

/// Averages squares of `SCALE` x `SCALE` drawn pixels.
fn halve(pixels: &[u8], width: u32, height: u32) -> Picture {
    let (scale, stride) = (SCALE as usize, (width * SCALE * 3) as usize);
    let mut picture = Picture::filled(width, height, [0; 3]);
    for (y, row) in picture.pixels.chunks_exact_mut(width as usize * 3).enumerate() {
        for (index, value) in row.iter_mut().enumerate() {
            let (x, channel) = (index / 3, index % 3);
            let mut sum = 0;
            for dy in 0..scale {
                for dx in 0..scale {
                    sum += usize::from(pixels[(y * scale + dy) * stride + (x * scale + dx) * 3 + channel]);
                }
            }
            *value = (sum / (scale * scale)) as u8;
        }
    }
    picture
}

fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let regular = include_bytes!("../../assets/DejaVuSans-subset.ttf");
        let bold = include_bytes!("../../assets/DejaVuSans-Bold-subset.ttf");
        // A refusal shows as a drawing error at the first text; the test of this module sees it.
        let _ = plotters::style::register_font(FONT, FontStyle::Normal, regular);
        let _ = plotters::style::register_font(FONT, FontStyle::Bold, bold);
    });
}

fn drawing(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn tick_labels_are_short_and_distinct() {
        assert_eq!(number(0.0, 1.0), "0");
        assert_eq!(number(0.2, 1.0), "0.2");
        assert_eq!(number(-1.5, 4.0), "\u{2212}1.5");
        assert_eq!(number(1200.0, 3000.0), "1200");
        assert_eq!(number(0.00025, 0.001), "0.00025");
        assert_eq!(number(2.5e7, 1e8), "2.5e7");
    }
}
