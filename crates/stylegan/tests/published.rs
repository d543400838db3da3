//! Network pickles of stylegan2-ada-pytorch: what is in them comes out with the reference's own results, and nothing else comes in.

mod support;

use gan_core::nn::Parameters;
use gan_testkit::golden::Golden;
use gan_testkit::reference;
use std::path::Path;
use stylegan::published::{self, Published};
use stylegan::{Activation, Architecture, Discriminator, Generator, LayerNoise, Psi};
use support::{Module, Pickle};
use tch::{Kind, Tensor};

fn read(bytes: &[u8]) -> Published {
    published::networks(bytes, Path::new("network.pkl")).expect("networks")
}

fn refused(bytes: &[u8]) -> String {
    let error = published::networks(bytes, Path::new("network.pkl")).expect_err("refused").to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("network.pkl: "), "{error}");
    error
}

/// Compares what the networks of a file make with what was recorded of the reference's.
fn check(found: &Published, golden: &Golden) {
    let mut weights = Parameters::new(&reference(), 1);
    let generator = Generator::new(weights.root(), &found.config).expect("generator");
    weights.load(&found.average).expect("our names");
    let labels = golden.has("in/c").then(|| golden.tensor("in/c"));
    let styles = generator.mapping.styles(&golden.tensor("in/z"), labels.as_ref()).expect("styles");
    let styles = generator.for_all_layers(&styles).expect("for all layers");
    golden.check("out/mapping/ws", &styles);
    let psi = Psi { psi: golden.number("psi"), cutoff: None };
    let truncated = generator.truncated(&styles, psi).expect("truncated");
    golden.check("out/full/psi_const", &generator.forward(&truncated, LayerNoise::Const).expect("images"));
    golden.check("out/synthesis/none", &generator.forward(&styles, LayerNoise::None).expect("images"));
    let mut weights = Parameters::new(&reference(), 1);
    let discriminator = Discriminator::new(weights.root(), &found.config).expect("discriminator");
    weights.load(found.discriminator.as_ref().expect("a discriminator")).expect("our names");
    let logits = discriminator.forward(&golden.tensor("in/x"), labels.as_ref()).expect("logits");
    golden.check("out/D/logits", &logits.unsqueeze(1));
}

/// `data/network_pickle.py` wrote it, with PyTorch's own pickles of parameters and storages.
const WRITTEN: &[u8] = include_bytes!("data/sg2_arch.pkl");

#[test]
fn a_file_of_pytorch_s_is_the_reference() {
    let found = read(WRITTEN);
    check(&found, &Golden::open("sg2_arch"));
    let config = &found.config;
    assert_eq!((config.size, config.channels, config.classes.len()), (16, 1, 3));
    assert_eq!((config.latent, config.style, config.mapping_layers), (16, 20, 2));
    assert_eq!((config.mapping_width, config.mapping_embedding, config.mapping_lr), (12, 8, 0.1));
    assert_eq!((config.channel_base, config.channel_max), (256, 16));
    assert_eq!((config.generator, config.discriminator), (Architecture::Orig, Architecture::Resnet));
    assert_eq!((config.noise, &config.resample_filter[..]), (false, &[1.0, 2.0, 1.0][..]));
    assert_eq!((config.discriminator_activation, config.discriminator_embedding), (Activation::Swish, 6));
    assert_eq!((config.minibatch_group, config.minibatch_channels), (0, 1));
    assert!(found.left_out.is_none());
    // A file without a `G` begins to train from the average.
    assert!(found.generator.iter().zip(&found.average).all(|(a, b)| a.0 == b.0 && a.1 == b.1));
}

/// A recorded network with the attributes that no shape shows.
fn module(golden: &Golden, net: &str) -> Module {
    let mut root = Module::tree(&golden.under(&format!("state/{net}/")));
    let of = |path: &str| golden.config()[net].pointer(path).and_then(serde_json::Value::as_f64);
    let (clamp, layer) = match net {
        "G" => (of("/synthesis_kwargs/conv_clamp"), "synthesis.b32.conv1"),
        _ => (of("/conv_clamp"), "b32.conv0"),
    };
    root.at(layer).numbers.extend(clamp.map(|clamp| ("conv_clamp", clamp)));
    if net == "D" {
        let group = of("/epilogue_kwargs/mbstd_group_size").unwrap_or(4.0);
        root.at("b4.mbstd").numbers.push(("group_size", group));
    }
    root
}

fn file(networks: &[(&str, &Module)]) -> Vec<u8> {
    Pickle::of(|pickle| {
        pickle.dict(|pickle| {
            for (key, network) in networks {
                pickle.text(key);
                pickle.module(network);
            }
            pickle.text("augment_pipe");
            pickle.raw(b"N");
        });
    })
}

#[test]
fn other_networks_are_the_reference() {
    for name in ["sg2_f", "sg2_cond", "sg2_cifar"] {
        let golden = Golden::open(name);
        let [generator, discriminator] = ["G", "D"].map(|net| module(&golden, net));
        let found = read(&file(&[("G_ema", &generator), ("D", &discriminator)]));
        check(&found, &golden);
        assert!(found.config.noise && found.left_out.is_none(), "{name}");
    }
}

#[test]
fn each_network_goes_to_its_place() {
    let golden = Golden::open("sg2_f");
    let average = module(&golden, "G");
    let mut trained = module(&golden, "G");
    trained.at("mapping.fc0").tensors.iter_mut().for_each(|(_, tensor)| *tensor = tensor.zeros_like());
    let found = read(&file(&[("G", &trained), ("G_ema", &average)]));
    let size = |weights: &[(String, Tensor)]| {
        let (_, weight) = weights.iter().find(|(name, _)| name == "mapping.fc0.weight").expect("a weight");
        weight.abs().sum(Kind::Double).double_value(&[])
    };
    assert!(size(&found.generator) == 0.0 && size(&found.average) > 0.0);
    assert!(found.discriminator.is_none() && found.left_out.is_none());
    found.config.validate().expect("valid");

    // Another network's discriminator is no reason to refuse the generator.
    let other = module(&Golden::open("sg2_cifar"), "D");
    let found = read(&file(&[("G_ema", &average), ("D", &other)]));
    let why = found.left_out.expect("a reason");
    assert!(found.discriminator.is_none() && why.contains("where"), "{why}");
}

#[test]
fn what_does_not_fit_is_named() {
    let golden = Golden::open("sg2_f");
    let changed = |change: &dyn Fn(&mut Module)| {
        let mut network = module(&golden, "G");
        change(&mut network);
        refused(&file(&[("G_ema", &network)]))
    };
    let error = changed(&|network| {
        let affine = &mut network.at("synthesis.b8.conv0.affine").tensors;
        affine.iter_mut().for_each(|(_, tensor)| *tensor = tensor.get(0));
    });
    assert!(error.contains("`synthesis.b8.conv0.affine.weight` has shape [32]"), "{error}");
    let error = changed(&|network| network.at("mapping").tensors.clear());
    assert!(error.contains("`mapping.w_avg` is missing"), "{error}");
    let error = changed(&|network| {
        let _ = network.at("synthesis.b16").modules.remove("conv1");
    });
    assert!(error.contains("`synthesis.b16"), "{error}");
    let error = changed(&|network| network.at("synthesis").modules.clear());
    assert!(error.contains("`synthesis.b4.conv1.weight` is missing"), "{error}");
    let error = changed(&|network| {
        network.at("synthesis.b4.more").tensors.push(("weight".to_owned(), Tensor::from(1.0)));
    });
    assert!(error.contains("`synthesis.b4.more.weight` is part of another network"), "{error}");
    let error = refused(&file(&[("D", &module(&golden, "D"))]));
    assert!(error.contains("neither a `G_ema` nor a `G`"), "{error}");
}

#[test]
fn nothing_foreign_comes_in() {
    // A program that would delete files if it were run.
    let wicked = Pickle::of(|pickle| pickle.call("os", "system", |pickle| pickle.text("rm *")));
    let error = refused(&wicked);
    assert_eq!(
        error,
        "network.pkl: asks for `os.system`, which is not part of a StyleGAN2 pickle; nothing of it was run"
    );
    // Neither behind a network, nor in the file of a storage, nor by a name that two texts make.
    let hidden = Pickle::of(|pickle| {
        pickle.dict(|pickle| {
            pickle.text("G_ema");
            pickle.raw(b"N");
            pickle.text("more");
            pickle.text("builtins");
            pickle.text("eval");
            pickle.raw(b"\x93");
        });
    });
    assert!(refused(&hidden).contains("`builtins.eval`"));
    let storage = Pickle::of(|pickle| pickle.call("os", "system", |pickle| pickle.text("rm *")));
    let storage = [&b"\x80\x02N.\x80\x02N.\x80\x02N."[..], b"\x80\x02", &storage[2..]].concat();
    let inner = Pickle::of(|pickle| {
        pickle.dict(|pickle| {
            pickle.text("G_ema");
            pickle.call("torch_utils.persistence", "_reconstruct_persistent_obj", |pickle| {
                pickle.dict(|pickle| {
                    pickle.text("state");
                    pickle.dict(|pickle| {
                        pickle.text("_buffers");
                        pickle.dict(|pickle| {
                            pickle.text("x");
                            pickle.call("torch._utils", "_rebuild_tensor_v2", |pickle| {
                                pickle.call("torch.storage", "_load_from_bytes", |pickle| {
                                    pickle.raw(&[b"C", &[storage.len() as u8][..], &storage].concat());
                                });
                                pickle.raw(b"K\x00)))");
                            });
                        });
                    });
                });
            });
        });
    });
    assert!(refused(&inner).contains("`os.system`"));
    let old = Pickle::of(|pickle| pickle.call("dnnlib.tflib.network", "Network", |_| ()));
    let error = refused(&old);
    assert!(error.contains("TensorFlow") && error.contains("legacy.py"), "{error}");
}

#[test]
fn broken_files_are_refused() {
    for nothing in [&b""[..], b"PK\x03\x04 an archive", b"<html>not found</html>", b"\x80"] {
        assert!(refused(nothing).contains("is no pickle of networks"));
    }
    for length in (3..WRITTEN.len()).step_by(997) {
        let error = refused(&WRITTEN[..length]);
        assert!(error.contains("is no readable pickle of networks (it is cut short)"), "{error}");
    }
    assert!(refused(b"\x80\x04]]]..").contains("neither a `G_ema`"));
    assert!(refused(b"\x80\x04tR.").contains("its pickle is broken"));
    // Lists in lists, however deep, are as flat as any other value; endless calls for copies are not followed.
    let deep = [&b"\x80\x04"[..], &b"]".repeat(200_000), &b"\x85".repeat(200_000), b"."].concat();
    assert!(refused(&deep).contains("neither a `G_ema`"));
    let set = b"cbuiltins\nset\nq\x01](";
    let items = b"K\x01".repeat(100_000);
    let copies = b"h\x01h\x02\x85R0".repeat(100);
    let bomb = [&b"\x80\x04"[..], set, &items, b"eq\x02", &copies, b"."].concat();
    assert!(refused(&bomb).contains("instructions"), "{}", refused(&bomb));
}
