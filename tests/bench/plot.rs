//! Values over sizes, as a picture: both axes begin at zero, so that what grows linearly is a straight line towards the corner.

use super::figure::number;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 56.0;

/// One line: its title with the unit, and its points.
pub struct Plot<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    /// What the sizes are: `of the full size`.
    pub sizes: &'a str,
    pub points: &'a [(f64, f64)],
    /// Drawn dashed across: the limit.
    pub limit: Option<f64>,
}

/// Plots below one another in one SVG, in colours that read on white and on black.
pub fn svg(plots: &[Plot<'_>]) -> String {
    let height = HEIGHT * plots.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (place, plot) in plots.iter().enumerate() {
        text += &format!("<g transform=\"translate(0 {})\">\n{}</g>\n", place as f64 * HEIGHT, one(plot));
    }
    text + "</svg>\n"
}

fn one(plot: &Plot<'_>) -> String {
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MIN_POSITIVE, f64::max);
    let right = most(&mut plot.points.iter().map(|point| point.0));
    let top = most(&mut plot.points.iter().map(|point| point.1).chain(plot.limit)) * 1.1;
    let x = |value: f64| MARGIN + value / right * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| HEIGHT - MARGIN - value / top * (HEIGHT - 2.0 * MARGIN);
    let (left, bottom) = (x(0.0), y(0.0));
    let mut text = format!(
        "<text x=\"{left}\" y=\"24\" font-weight=\"bold\">{} ({})</text>\n\
         <path d=\"M{left} {:.1}V{bottom}H{:.1}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
        plot.title,
        plot.unit,
        y(top),
        x(right),
        x(right),
        bottom + 36.0,
        plot.sizes,
    );
    if let Some(limit) = plot.limit {
        let at = y(limit);
        text += &format!(
            "<path d=\"M{left} {at:.1}H{:.1}\" stroke=\"firebrick\" stroke-dasharray=\"4\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\" fill=\"firebrick\">limit {}</text>\n",
            x(right),
            left - 4.0,
            at + 4.0,
            number(limit)
        );
    }
    let line: Vec<String> = plot.points.iter().map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value))).collect();
    text += &format!("<polyline points=\"{}\" fill=\"none\" stroke=\"steelblue\" stroke-width=\"2\"/>\n", line.join(" "));
    for (size, value) in plot.points {
        let (at_x, at_y) = (x(*size), y(*value));
        text += &format!(
            "<circle cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"3\" fill=\"steelblue\"/>\n<text x=\"{at_x:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>\n<text x=\"{at_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            at_y - 8.0,
            number(*value),
            bottom + 18.0,
            number(*size)
        );
    }
    text
}
