//! Writes pickles as stylegan2-ada-pytorch's are, of protocol 3 and without a memo.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// A pickle that grows.
#[derive(Default)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    /// What `fill` puts into it, as a whole file.
    pub fn of(fill: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut pickle = Self(vec![0x80, 3]);
        fill(&mut pickle);
        pickle.0.push(b'.');
        pickle.0
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.raw(&(text.len() as u32).to_le_bytes());
        self.raw(text.as_bytes());
    }

    pub fn int(&mut self, number: i64) {
        self.0.push(b'J');
        self.raw(&(number as i32).to_le_bytes());
    }

    pub fn float(&mut self, number: f64) {
        self.0.push(b'G');
        self.raw(&number.to_be_bytes());
    }

    pub fn ints(&mut self, numbers: &[i64]) {
        self.0.push(b'(');
        numbers.iter().for_each(|number| self.int(*number));
        self.0.push(b't');
    }

    pub fn global(&mut self, module: &str, name: &str) {
        self.raw(format!("c{module}\n{name}\n").as_bytes());
    }

    /// `module.name(...)` of the arguments that `fill` puts there.
    pub fn call(&mut self, module: &str, name: &str, fill: impl FnOnce(&mut Self)) {
        self.global(module, name);
        self.0.push(b'(');
        fill(self);
        self.raw(b"tR");
    }

    pub fn dict(&mut self, fill: impl FnOnce(&mut Self)) {
        self.raw(b"}(");
        fill(self);
        self.0.push(b'u');
    }

    pub fn ordered(&mut self, fill: impl FnOnce(&mut Self)) {
        self.call("collections", "OrderedDict", |_| ());
        self.0.push(b'(');
        fill(self);
        self.0.push(b'u');
    }

    /// A parameter around a tensor around a file of its storage.
    pub fn parameter(&mut self, tensor: &Tensor) {
        let tensor = tensor.to_kind(Kind::Float).contiguous();
        let mut values = vec![0; tensor.numel() * 4];
        tensor.copy_data_u8(&mut values, tensor.numel());
        let count = tensor.numel() as i64;
        let mut storage = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        let mut object = Self(vec![0x80, 2, b'(']);
        object.text("storage");
        object.global("torch", "FloatStorage");
        object.text("0");
        object.text("cuda:0");
        object.int(count);
        object.raw(b"NtQ.\x80\x02]");
        object.text("0");
        object.raw(b"a.");
        storage.extend(object.0);
        storage.extend(count.to_le_bytes());
        storage.extend(values);
        self.call("torch._utils", "_rebuild_parameter", |pickle| {
            pickle.call("torch._utils", "_rebuild_tensor_v2", |pickle| {
                pickle.call("torch.storage", "_load_from_bytes", |pickle| {
                    pickle.0.push(b'B');
                    pickle.raw(&(storage.len() as u32).to_le_bytes());
                    pickle.raw(&storage);
                });
                pickle.int(0);
                pickle.ints(&tensor.size());
                pickle.ints(&tensor.stride());
                pickle.0.push(0x89);
                pickle.ordered(|_| ());
            });
            pickle.0.push(0x88);
            pickle.ordered(|_| ());
        });
    }

    /// A module of `torch_utils.persistence`, with the modules in it.
    pub fn module(&mut self, module: &Module) {
        self.call("torch_utils.persistence", "_reconstruct_persistent_obj", |pickle| {
            pickle.dict(|pickle| {
                pickle.text("class_name");
                pickle.text("Any");
                pickle.text("state");
                pickle.dict(|pickle| {
                    for (name, number) in &module.numbers {
                        pickle.text(name);
                        pickle.float(*number);
                    }
                    pickle.text("_parameters");
                    pickle.ordered(|pickle| {
                        for (name, tensor) in &module.tensors {
                            pickle.text(name);
                            pickle.parameter(tensor);
                        }
                    });
                    pickle.text("_modules");
                    pickle.ordered(|pickle| {
                        for (name, module) in &module.modules {
                            pickle.text(name);
                            pickle.module(module);
                        }
                    });
                });
            });
        });
    }
}

/// What a module holds.
#[derive(Default)]
pub struct Module {
    pub numbers: Vec<(&'static str, f64)>,
    pub tensors: Vec<(String, Tensor)>,
    pub modules: BTreeMap<String, Module>,
}

impl Module {
    /// The tree that names with dots between make.
    pub fn tree(tensors: &[(String, Tensor)]) -> Self {
        let mut root = Self::default();
        for (name, tensor) in tensors {
            let (path, leaf) = name.rsplit_once('.').unwrap_or(("", name));
            root.at(path).tensors.push((leaf.to_owned(), tensor.shallow_clone()));
        }
        root
    }

    /// The module at a path.
    pub fn at(&mut self, path: &str) -> &mut Self {
        let names = path.split('.').filter(|name| !name.is_empty());
        names.fold(self, |module, name| module.modules.entry(name.to_owned()).or_default())
    }
}
