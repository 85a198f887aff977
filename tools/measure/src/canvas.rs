//! Where plotters draws: an SVG in the colours of the page that it stands in. Its pixels are tenths
//! of a unit, so that a point stands where its number is.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::rc::Rc;

use plotters::style::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

/// So many of plotters' pixels are a unit.
pub const FINE: i32 = 10;

/// The colour of the text around; and that of links.
pub const TEXT: RGBColor = RGBColor(0, 0, 0);
pub const LINK: RGBColor = RGBColor(0, 0, 255);

/// What is drawn, and what this is now: both are shared with who draws.
#[derive(Clone, Default)]
pub struct Sheet {
    pub svg: Rc<RefCell<String>>,
    /// Attributes for the elements to come.
    pub mark: Rc<RefCell<String>>,
}

impl Sheet {
    /// From now on, elements have this attribute; without a value, none.
    pub fn mark(&self, name: &str, value: &str) {
        let mark = if value.is_empty() {
            String::new()
        } else {
            format!(" {name}=\"{}\"", escaped(value))
        };
        *self.mark.borrow_mut() = mark;
    }
}

pub struct Canvas {
    pub sheet: Sheet,
    /// In units.
    pub size: (u32, u32),
}

impl Canvas {
    fn element(&self, name: &str, attributes: &str, content: Option<&str>) {
        let mark = self.sheet.mark.borrow();
        let mut svg = self.sheet.svg.borrow_mut();
        let _ = match content {
            Some(content) => writeln!(svg, "<{name} {attributes}{mark}>{content}</{name}>"),
            None => writeln!(svg, "<{name} {attributes}{mark}/>"),
        };
    }

    fn path(&self, points: impl IntoIterator<Item = BackendCoord>, is_closed: bool, look: &str) {
        let mut path = String::new();
        for (number, (x, y)) in points.into_iter().enumerate() {
            let command = if number == 0 { "M" } else { "L" };
            let _ = write!(path, "{command}{} {}", units(x), units(y));
        }
        if is_closed {
            path.push('Z');
        }
        // What looks the same is one element, unless it is a mark.
        let mut svg = self.sheet.svg.borrow_mut();
        let end = format!("\" {look}{}/>\n", self.sheet.mark.borrow());
        if svg.ends_with(&end) && !end.contains("data-series") {
            let length = svg.len() - end.len();
            svg.truncate(length);
        } else {
            svg.push_str("<path d=\"");
        }
        svg.push_str(&path);
        svg.push_str(&end);
    }
}

/// Without a needless zero.
fn units(pixels: i32) -> String {
    (f64::from(pixels) / f64::from(FINE)).to_string()
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `None`: it is not seen.
fn colour(colour: BackendColor, what: &str) -> Option<String> {
    let name = if colour.rgb == (LINK.0, LINK.1, LINK.2) { "var(--links)" } else { "currentColor" };
    let opacity = match colour.alpha {
        alpha if alpha <= 0.0 => return None,
        alpha if alpha < 1.0 => format!(" {what}-opacity=\"{alpha}\""),
        _ => String::new(),
    };
    Some(format!("{what}=\"{name}\"{opacity}"))
}

fn stroke<S: BackendStyle>(style: &S) -> Option<String> {
    let colour = colour(style.color(), "stroke")?;
    let width = units(i32::try_from(style.stroke_width()).unwrap_or(FINE));
    Some(format!("fill=\"none\" {colour} stroke-width=\"{width}\""))
}

fn look<S: BackendStyle>(style: &S, fill: bool) -> Option<String> {
    if fill { colour(style.color(), "fill") } else { stroke(style) }
}

type Done = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let fine = FINE.unsigned_abs();
        (self.size.0 * fine, self.size.1 * fine)
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Done {
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Done {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Done {
        if let Some(look) = look(style, fill) {
            self.path([(left, top), (right, top), (right, bottom), (left, bottom)], true, &look);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Done {
        if let Some(look) = stroke(style) {
            self.path(path, false, &look);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Done {
        if let Some(look) = look(style, fill) {
            let radius = units(i32::try_from(radius).unwrap_or(FINE));
            let place = format!("cx=\"{}\" cy=\"{}\" r=\"{radius}\"", units(x), units(y));
            self.element("circle", &format!("{place} {look}"), None);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Done {
        if let Some(look) = look(style, true) {
            self.path(points, true, &look);
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Done {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => "0.75em",
            VPos::Center => "0.35em",
            VPos::Bottom => "-0.25em",
        };
        let place = format!("x=\"{}\" y=\"{}\" dy=\"{down}\"", units(x), units(y));
        self.element("text", &format!("{place} text-anchor=\"{anchor}\""), Some(&escaped(text)));
        Ok(())
    }

    /// All text has one size, and letters are about so wide.
    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        _: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let letters = u32::try_from(text.chars().count()).unwrap_or_default();
        Ok((letters * 58, 110))
    }
}
