//! A scene as SVG: text stays text, and coordinates keep a tenth of a pixel.
//!
//! The backend works in whole units, so the drawing is ten times as large as the figure, and a `viewBox` scales it
//! back. The backend cannot write images: they come before its marks, as PNG data in base64. Nor can it write what a box says
//! under the pointer: behind its marks, each such box lies there once more, without a color and with a title.

use std::{fmt::Write, io};

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle};

use super::{
    color::Color,
    font, png,
    scene::{Anchor, EDGE, Mark, Point, Rect, Scene, Text},
};

/// Units of the drawing per pixel of the figure.
const SCALE: f64 = 10.0;
/// The backend divides the size of a font by this number.
const FONT_FACTOR: f64 = 1.24;
/// The backend moves text down by this fraction of an em to align its top.
const TOP_SHIFT: f64 = 0.76;

/// The scene as the text of an SVG file.
pub(super) fn write(scene: &Scene) -> io::Result<String> {
    let Scene { width, height, marks } = scene;
    let (wide, high) = (width * SCALE as u32, height * SCALE as u32);
    let mut drawing = String::new();
    let mut backend = SVGBackend::with_string(&mut drawing, (wide, high));
    for mark in marks {
        draw(&mut backend, mark)?;
    }
    backend.present().map_err(io::Error::other)?;
    drop(backend);

    let (_, body) = drawing.split_once('\n').unwrap_or_default();
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {wide} {high}\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <rect width=\"{wide}\" height=\"{high}\" fill=\"#FFFFFF\"/>\n"
    );
    for mark in marks {
        if let Mark::Image { area, columns, pixels } = mark {
            svg.push_str(&image(*area, *columns, pixels)?);
        }
    }
    let (body, end) = body.rsplit_once("</svg>").ok_or_else(|| io::Error::other("the drawing has no end"))?;
    svg.push_str(&edged(body, marks));
    for mark in marks {
        if let Mark::Hint { area, text } = mark {
            svg.push_str(&hint(*area, text));
        }
    }
    Ok(svg + "</svg>" + end)
}

/// A box that nobody sees, and that answers to the pointer.
fn hint(area: Rect, text: &str) -> String {
    let ((left, top), (right, bottom)) = (at((area.left, area.top)), at((area.right, area.bottom)));
    let (width, height) = (right - left, bottom - top);
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" \
         pointer-events=\"all\"><title>{text}</title></rect>\n"
    )
}

/// The elements with a white edge around the texts that have one, below their letters. (The backend cannot write one.)
fn edged(body: &str, marks: &[Mark]) -> String {
    let (first, rest) = body.split_once("<text").unwrap_or((body, ""));
    let edges = marks.iter().filter_map(|mark| if let Mark::Text(text) = mark { Some(text.edged) } else { None });
    let style = format!(" paint-order=\"stroke\" stroke=\"#FFFFFF\" stroke-width=\"{}\"", 2.0 * EDGE * SCALE);
    let texts = rest.split("<text").zip(edges).map(|(text, edged)| ["<text", if edged { &style } else { "" }, text]);
    std::iter::once(first).chain(texts.flatten()).collect()
}

fn at((x, y): Point) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

fn style(color: Color, width: f64) -> ShapeStyle {
    let Color(r, g, b) = color;
    ShapeStyle { color: RGBColor(r, g, b).into(), filled: true, stroke_width: (width * SCALE).round() as u32 }
}

fn draw(backend: &mut SVGBackend, mark: &Mark) -> io::Result<()> {
    match mark {
        Mark::Path { points, width, color } => match points[..] {
            [dot] => backend
                .draw_circle(at(dot), (width * SCALE / 2.0).round() as u32, &style(*color, 0.0), true)
                .map_err(io::Error::other),
            _ => backend.draw_path(points.iter().copied().map(at), &style(*color, *width)).map_err(io::Error::other),
        },
        Mark::Fill { area, color } => {
            let (from, to) = (at((area.left, area.top)), at((area.right, area.bottom)));
            backend.draw_rect(from, to, &style(*color, 0.0), true).map_err(io::Error::other)
        }
        Mark::Text(text) => draw_text(backend, text),
        Mark::Image { .. } | Mark::Hint { .. } => Ok(()),
    }
}

fn draw_text(backend: &mut SVGBackend, text: &Text) -> io::Result<()> {
    // The viewer anchors the text, so that it stays centered whatever its font.
    let anchor = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let (x, y) = text.at;
    let (turn, place) = if text.upwards {
        (FontTransform::Rotate270, (x - TOP_SHIFT * text.size, y))
    } else {
        (FontTransform::None, (x, y - TOP_SHIFT * text.size))
    };
    let weight = if text.bold { FontStyle::Bold } else { FontStyle::Normal };
    let Color(r, g, b) = text.color;
    let style = FontDesc::new(FontFamily::Name(font::FAMILY), text.size * SCALE * FONT_FACTOR, weight)
        .transform(turn)
        .color(&RGBColor(r, g, b))
        .pos(Pos::new(anchor, VPos::Top));
    backend.draw_text(&text.text, &style, at(place)).map_err(io::Error::other)
}

/// An `image` element whose pixels stay square when it is enlarged.
///
/// Some viewers blur what they enlarge, whatever the file asks for, so each pixel is repeated until the image is finer
/// than the screen. A PNG file with repeated pixels is hardly larger.
fn image(area: Rect, columns: usize, pixels: &[Color]) -> io::Result<String> {
    let repeats = |length: f64, count: usize| (2.0 * length / count as f64).ceil().max(1.0) as usize;
    let (across, down) = (repeats(area.width(), columns), repeats(area.height(), pixels.len() / columns));
    let row = |row: &[Color]| -> Vec<u8> {
        row.iter().flat_map(|c| std::iter::repeat_n([c.0, c.1, c.2], across)).flatten().collect()
    };
    let bytes: Vec<u8> = pixels.chunks(columns).flat_map(|r| std::iter::repeat_n(row(r), down)).flatten().collect();
    let (width, height) = (columns * across, pixels.len() / columns * down);
    let file = png::encode(width as u32, height as u32, &bytes)?;
    let ((left, top), (right, bottom)) = (at((area.left, area.top)), at((area.right, area.bottom)));
    let mut element = String::new();
    writeln!(
        element,
        "<image x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
        right - left,
        bottom - top,
        base64(&file)
    )
    .map_err(io::Error::other)?;
    Ok(element)
}

/// Bytes as base64 text (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0u32, |bits, (i, &byte)| bits | u32::from(byte) << (16 - 8 * i));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfcs_examples() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn marks_are_written_at_a_tenth_of_a_pixel() {
        let mut scene = Scene::new(100, 50);
        scene.path(vec![(1.25, 2.0), (30.0, 4.5)], 1.5, Color::BLUE);
        scene.text(Text::new("a < b", (20.0, 30.0), Anchor::End, 12.0));
        let svg = write(&scene).unwrap();
        assert!(svg.starts_with("<svg width=\"100\" height=\"50\" viewBox=\"0 0 1000 500\""));
        assert!(svg.contains("points=\"13,20 300,45 \""), "{svg}");
        assert!(svg.contains("stroke-width=\"15\"") && svg.contains("#0072B2"));
        assert!(svg.contains("a &lt; b") && svg.contains("text-anchor=\"end\""));
        assert!(svg.contains("font-family=\"DejaVu Sans, sans-serif\""));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_white_edge_belongs_to_the_text_that_has_one() {
        let mut scene = Scene::new(100, 50);
        scene.path(vec![(1.0, 2.0), (30.0, 4.0)], 1.0, Color::BLUE);
        let text = |name: &str, y: f64| Text::new(name, (20.0, y), Anchor::End, 12.0);
        [text("plain", 10.0), text("edged", 20.0).edged(), text("<text", 30.0)]
            .into_iter()
            .for_each(|text| scene.text(text));
        let svg = write(&scene).unwrap();
        let edges: Vec<bool> =
            svg.split("<text").skip(1).map(|text| text.contains(" paint-order=\"stroke\"")).collect();
        assert_eq!(edges, [false, true, false]);
        assert!(svg.contains("stroke-width=\"60\" x=\"200\""), "{svg}");
        let plain = Scene { marks: scene.marks[..2].to_vec(), ..scene };
        assert!(!write(&plain).unwrap().contains("paint-order"));
    }

    #[test]
    fn boxes_have_titles_behind_the_marks() {
        let mut scene = Scene::new(100, 50);
        scene.hint(Rect::new(1.0, 2.0, 5.5, 8.0), "chain of a<b> & c\n 2 ms");
        scene.fill(Rect::new(1.0, 2.0, 5.5, 8.0), Color::BLUE);
        let svg = write(&scene).unwrap();
        let element = "<rect x=\"10\" y=\"20\" width=\"45\" height=\"60\" fill=\"none\" pointer-events=\"all\">\
                       <title>chain of a&lt;b&gt; &amp; c  2 ms</title></rect>\n</svg>";
        assert!(svg.trim_end().ends_with(element), "{svg}");
    }

    #[test]
    fn images_come_before_the_marks() {
        let mut scene = Scene::new(100, 50);
        scene.fill(Rect::new(0.0, 0.0, 5.0, 5.0), Color::BLUE);
        let pixels = vec![Color::BLACK, Color::WHITE];
        scene.marks.push(Mark::Image { area: Rect::new(10.0, 10.0, 30.0, 20.0), columns: 2, pixels });
        let svg = write(&scene).unwrap();
        let (image, fill) = (svg.find("<image").unwrap(), svg.find("#0072B2").unwrap());
        assert!(image < fill && svg.contains("base64,iVBORw0KGgo"));
    }
}
