//! Which drawings a report holds.

use clap::{Args, ValueEnum};
use overparam_eval::figure::{Drawings, Format};

/// Formats and sheets of figures.
#[derive(Args)]
pub struct FigureOptions {
    /// Formats of the figures, separated by commas
    #[arg(
        long = "figures",
        value_name = "FORMATS",
        value_enum,
        value_delimiter = ',',
        default_value = "svg,png",
        help_heading = "Figures"
    )]
    formats: Vec<FormatOption>,
    /// With `slide`, draw slides of 16 to 9 as well, of two panels each, into figures/slides
    #[arg(long, value_enum, value_name = "SIZE", default_value = "page", help_heading = "Figures")]
    size: SizeOption,
    /// Draw every panel by itself as well, into figures/panels; with --size slide, put one panel on each slide
    #[arg(long, help_heading = "Figures")]
    panels: bool,
}

/// [`Format`] on the command line.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatOption {
    /// For browsers: light or dark as the reader's system is
    Svg,
    /// Pixels
    Png,
    /// For LaTeX and presentations: sharp at any size
    Pdf,
}

impl From<FormatOption> for Format {
    fn from(format: FormatOption) -> Self {
        match format {
            FormatOption::Svg => Format::Svg,
            FormatOption::Png => Format::Png,
            FormatOption::Pdf => Format::Pdf,
        }
    }
}

/// The size of the sheet.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SizeOption {
    /// Four inches a panel
    Page,
    /// The figures of a page, and slides of 13 1/3 by 7 1/2 inches
    Slide,
}

impl FigureOptions {
    /// What is drawn.
    pub fn drawings(&self) -> Drawings {
        let mut formats: Vec<Format> = Vec::new();
        for format in self.formats.iter().map(|format| Format::from(*format)) {
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        Drawings { formats, slides: self.size == SizeOption::Slide, panels: self.panels }
    }

    /// The same as arguments, none where nothing was asked for.
    pub(crate) fn words(&self) -> Vec<String> {
        let drawings = self.drawings();
        let formats: Vec<&str> = drawings.formats.iter().map(|format| format.extension()).collect();
        let formats = (drawings.formats != Drawings::default().formats).then(|| formats.join(","));
        let mut words: Vec<String> = formats.map_or_else(Vec::new, |list| vec!["--figures".to_owned(), list]);
        if drawings.slides {
            words.extend(["--size", "slide"].map(str::to_owned));
        }
        if drawings.panels {
            words.push("--panels".to_owned());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use overparam_eval::figure::{Drawings, Format};

    use super::FigureOptions;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        figures: FigureOptions,
    }

    fn parsed(arguments: &[&str]) -> Result<FigureOptions, String> {
        let words = std::iter::once("program").chain(arguments.iter().copied());
        Program::try_parse_from(words).map(|p| p.figures).map_err(|e| e.to_string())
    }

    fn drawings(arguments: &[&str]) -> Result<Drawings, String> {
        parsed(arguments).map(|figures| figures.drawings())
    }

    #[test]
    fn a_job_that_draws_later_is_asked_for_the_same() {
        for asked in
            [&[][..], &["--figures", "pdf"], &["--figures", "pdf,svg", "--size", "slide", "--panels"]]
        {
            let words = parsed(asked).unwrap().words();
            let again: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(again, asked);
            assert_eq!(drawings(&again), drawings(asked));
        }
    }

    #[test]
    fn formats_and_sheets_are_what_was_asked_for() {
        assert_eq!(drawings(&[]), Ok(Drawings::default()));
        let all = drawings(&["--figures", "pdf,svg,pdf", "--size", "slide", "--panels"]).unwrap();
        assert_eq!(all, Drawings { formats: vec![Format::Pdf, Format::Svg], slides: true, panels: true });
        let wrong = drawings(&["--figures", "svg,jpg"]).unwrap_err();
        assert!(wrong.contains("jpg") && wrong.contains("svg, png, pdf"), "{wrong}");
    }
}
