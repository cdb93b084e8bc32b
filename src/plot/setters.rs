//! The setters of texts that charts share, and what a chart is called in errors.

/// Writes the named setters, each with the field that it sets, and `name()`, which joins `kind` and the title:
/// `setters!(BarChart, "bar chart": title = titles.title, x_label = titles.x_label);`
macro_rules! setters {
    ($Chart:ident, $kind:literal: title = $($title:ident).+ $(, $label:ident = $($field:ident).+)*) => {
        impl $Chart {
            /// Sets the title.
            pub fn title(mut self, title: impl Into<String>) -> $Chart {
                self.$($title).+ = title.into();
                self
            }

            $(
                #[doc = $crate::plot::setters::setters!(@doc $label)]
                pub fn $label(mut self, label: impl Into<String>) -> $Chart {
                    self.$($field).+ = label.into();
                    self
                }
            )*

            /// What it is called in errors.
            fn name(&self) -> String {
                match self.$($title).+.as_str() {
                    "" => $kind.to_owned(),
                    title => format!(concat!($kind, " `{}`"), title),
                }
            }
        }
    };
    (@doc x_label) => {
        "Names the horizontal axis."
    };
    (@doc y_label) => {
        "Names the vertical axis."
    };
}
pub(super) use setters;
