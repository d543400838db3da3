//! Shape guards with wildcards: check at the door, trust inside.

use crate::error::{Error, Result};
use tch::Tensor;

/// Any size, in [`shape`].
pub const ANY: i64 = -1;

/// Checks a tensor's shape; [`ANY`] matches every size.
///
/// # Errors
/// [`Error::Shape`] naming the tensor.
pub fn shape(what: &str, tensor: &Tensor, expected: &[i64]) -> Result<()> {
    let got = tensor.size();
    let fits = got.len() == expected.len()
        && got.iter().zip(expected).all(|(size, wanted)| *wanted == ANY || size == wanted);
    if fits {
        return Ok(());
    }
    let sizes: Vec<String> =
        expected.iter().map(|&size| if size == ANY { "_".to_owned() } else { size.to_string() }).collect();
    Err(Error::Shape { what: what.to_owned(), expected: format!("[{}]", sizes.join(", ")), got })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn wildcards_match_and_the_sentence_names_the_tensor() {
        let tensor = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        assert!(shape("latent", &tensor, &[ANY, 3]).is_ok());
        let error = shape("latent", &tensor, &[ANY, 4]).expect_err("3 is not 4").to_string();
        assert_eq!(error, "latent must have shape [_, 4], got [2, 3]");
        assert!(shape("latent", &tensor, &[ANY]).is_err());
    }
}
