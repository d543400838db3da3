//! The known key or word nearest to a mistyped one.

/// The dotted path in `known` that `typed` most likely meant, if any is near enough. A path may be meant
/// by its last parts alone: `lerning_rate` is compared with the last part of every path.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let parts = typed.split('.').count();
    let distance = |path: &str| {
        let segments: Vec<&str> = path.split('.').collect();
        let tail = segments[segments.len().saturating_sub(parts)..].join(".");
        let to = |text: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), text);
        to(&tail).min(to(path))
    };
    let (found, distance) = known.into_iter().map(|path| (path, distance(path))).min_by_key(|(_, d)| *d)?;
    (distance <= 2.max(typed.len() / 3)).then_some(found)
}

/// `, did you mean X?`, or nothing.
pub fn meant<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map_or_else(String::new, |meant| format!(", did you mean {meant}?"))
}

/// What serde says about a word that is no choice, with the choice that was most likely meant.
pub fn with_choice(complaint: &str) -> String {
    let quoted: Vec<&str> = complaint.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((typed, choices)) if complaint.starts_with("unknown variant `") => {
            match nearest(typed, choices.iter().copied()) {
                Some(choice) => format!("{complaint}; did you mean {choice}?"),
                None => complaint.to_owned(),
            }
        }
        _ => complaint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keys_are_found_and_far_ones_are_not() {
        let known = ["train.images", "dcgan.generator_optimizer.lr", "dcgan.latent", "dcgan.ema.ramp_up"];
        assert_eq!(nearest("imags", known), Some("train.images"));
        assert_eq!(nearest("dcgan.latents", known), Some("dcgan.latent"));
        assert_eq!(nearest("generator_optimiser.lr", known), Some("dcgan.generator_optimizer.lr"));
        assert_eq!(nearest("ema.rampup", known), Some("dcgan.ema.ramp_up"));
        assert_eq!(nearest("momentum_of_everything", known), None);
    }

    #[test]
    fn choices_are_suggested_where_one_is_near() {
        let complaint = "unknown variant `hing`, expected one of `minimax`, `hinge`, `wasserstein`";
        assert_eq!(with_choice(complaint), format!("{complaint}; did you mean hinge?"));
        for other in ["unknown variant `x`, expected `hinge`", "missing field `lr`", "unknown variant `"] {
            assert_eq!(with_choice(other), other);
        }
    }
}
