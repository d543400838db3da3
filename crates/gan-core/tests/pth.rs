//! Files of `torch.save` in both layouts, with what real checkpoints have: views of a shared storage, parameters, kinds,
//! nesting, and things that are no tensors. `tests/data` was written by PyTorch 2.11.

use gan_core::tensor::{file, pth};
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn both_layouts_hold_the_same() {
    for name in ["archive.pth", "pickles.pth"] {
        let named = pth::read(&data(name)).expect("tensors");
        let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "list.0",
                "state.brain",
                "state.flags",
                "state.half",
                "state.net.bias",
                "state.net.count",
                "state.net.weight",
                "state.param"
            ]
        );
        let get = |name: &str| &named.iter().find(|(key, _)| key == name).expect("a tensor").1;
        let values = |name: &str| {
            Vec::<f64>::try_from(get(name).to_kind(Kind::Double).flatten(0, -1)).expect("numbers")
        };
        assert_eq!(get("state.net.weight").size(), [4, 3]);
        assert_eq!(
            values("state.net.weight"),
            [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11].map(|eighths| f64::from(eighths) / 8.0)
        );
        assert_eq!(values("state.net.bias"), [0.5, 0.625, 0.75, 0.875]);
        assert_eq!((get("state.net.count").size(), values("state.net.count")), (vec![], vec![7.0]));
        assert_eq!((get("state.half").kind(), values("state.half")), (Kind::Half, vec![1.5, -2.0]));
        assert_eq!((get("state.brain").kind(), values("state.brain")), (Kind::BFloat16, vec![0.5, 3.0]));
        assert_eq!(get("state.flags"), &Tensor::from_slice(&[true, false]));
        assert_eq!((get("state.param").kind(), values("state.param")), (Kind::Double, vec![2.0]));
        assert_eq!(get("list.0"), &Tensor::from_slice(&[1i32, 2]));
        // What was read is the program's own.
        let copied = file::decode(&file::encode(&named).expect("bytes"), Path::new("x")).expect("tensors");
        assert_eq!(copied.len(), named.len());
    }
}

#[test]
fn files_that_are_cut_or_something_else_are_refused() {
    for name in ["archive.pth", "pickles.pth"] {
        let bytes = std::fs::read(data(name)).expect("a file");
        assert!(pth::is_one(&bytes));
        for length in (0..bytes.len()).step_by(7) {
            let error =
                pth::decode(&bytes[..length], Path::new("some.pth")).expect_err("cut short").to_string();
            assert!(error.starts_with("some.pth: is no readable file of PyTorch's ("), "{error}");
        }
    }
    assert!(!pth::is_one(b"<html>not found</html>"));
    let error =
        pth::decode(b"<html>not found</html>", Path::new("some.pth")).expect_err("no file").to_string();
    assert_eq!(
        error,
        "some.pth: is no readable file of PyTorch's (it begins as no such file does): download it again"
    );
    // A program that would delete files if it were run.
    let wicked = b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00rm *q\x01\x85q\x02Rq\x03.";
    let row = [&wicked[..], wicked, wicked, wicked, b"\x80\x02]q\x00."].concat();
    assert!(pth::decode(&row, Path::new("some.pth")).expect("nothing").is_empty());
}
