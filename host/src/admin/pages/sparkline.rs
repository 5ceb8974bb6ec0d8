//! A line of an hour, as the points of an SVG.

use std::fmt::Write as _;

/// The size of the drawing; it is stretched to its place.
const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;
/// Room for the line's own width at the top and the bottom.
const MARGIN: f64 = 2.0;

/// The points of a line through these values, which are at these times, as `x,y x,y`. Nothing for fewer than two.
pub(super) fn points(values: &[(u64, f64)]) -> String {
    let (Some((first, _)), Some((last, _))) = (values.first(), values.last()) else { return String::new() };
    if values.len() < 2 || last <= first {
        return String::new();
    }
    let highest = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    let span = (last - first) as f64;
    let mut points = String::new();
    for (at, value) in values {
        #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
        let x = (at - first) as f64 / span * WIDTH;
        let share = if highest > 0.0 { value / highest } else { 0.0 };
        let y = HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN);
        let space = if points.is_empty() { "" } else { " " };
        let _infallible = write!(points, "{space}{x:.1},{y:.1}");
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_spans_the_drawing_from_the_lowest_to_the_highest_value() {
        assert_eq!(points(&[(1000, 0.0), (2000, 5.0), (5000, 10.0)]), "0.0,26.0 30.0,14.0 120.0,2.0");
        assert_eq!(points(&[(0, 0.0), (10, 0.0)]), "0.0,26.0 120.0,26.0");
        for few in [&[][..], &[(0, 1.0)], &[(5, 1.0), (5, 2.0)]] {
            assert_eq!(points(few), "");
        }
    }
}
