//! Numbers that go with images: 0 and 1 for no and yes, or continuous ones such as an angle.

/// Attributes that [`Attributes::summary`] names.
const SHOWN: usize = 6;

/// The same few numbers of every image.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributes {
    /// What each number is, as the file's header calls it.
    pub names: Vec<String>,
    /// `[images, names]`: all numbers of the first image, then those of the second.
    pub values: Vec<f32>,
}

impl Attributes {
    /// The numbers of image `index`, one for each name; empty if there is no such image.
    pub fn of(&self, index: usize) -> &[f32] {
        let count = self.names.len();
        self.values.get(index * count..(index + 1) * count).unwrap_or_default()
    }

    /// The smallest and the largest value of each.
    pub fn ranges(&self) -> Vec<[f32; 2]> {
        let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; self.names.len()];
        for image in self.values.chunks_exact(self.names.len().max(1)) {
            for ([least, most], value) in ranges.iter_mut().zip(image) {
                *least = least.min(*value);
                *most = most.max(*value);
            }
        }
        ranges
    }

    /// Those of some images only, in the order given.
    pub(crate) fn select(&self, images: impl Iterator<Item = usize>) -> Self {
        Self { names: self.names.clone(), values: images.flat_map(|image| self.of(image)).copied().collect() }
    }

    /// A few words: how many, and the first ones with their ranges.
    pub(crate) fn summary(&self) -> String {
        let count = self.names.len();
        let shown = self.names.iter().zip(self.ranges()).take(SHOWN);
        let mut shown: Vec<String> =
            shown.map(|(name, [least, most])| format!("{name} {least} to {most}")).collect();
        if count > SHOWN {
            shown.push(format!("{} more", count - SHOWN));
        }
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} attribute{plural} ({})", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_their_image() {
        let names = ["tilt", "hat"].map(str::to_owned).to_vec();
        let all = Attributes { names, values: vec![0.5, 1.0, -2.0, 0.0, 3.0, 1.0] };
        assert_eq!((all.of(1), all.of(3)), (&[-2.0, 0.0][..], &[][..]));
        assert_eq!(all.ranges(), [[-2.0, 3.0], [0.0, 1.0]]);
        assert_eq!(all.summary(), "2 attributes (tilt -2 to 3, hat 0 to 1)");
        let some = all.select([2, 0].into_iter());
        assert_eq!(some.values, [3.0, 1.0, 0.5, 1.0]);
        let names = (0..8).map(|number| number.to_string()).collect();
        let many = Attributes { names, values: vec![1.0; 8] };
        assert!(many.summary().ends_with("5 1 to 1, 2 more)"), "{}", many.summary());
    }
}
