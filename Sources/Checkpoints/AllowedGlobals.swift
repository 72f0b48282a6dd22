/// The names that a pickle may mention; everything else is refused. None of them is ever called: each has a rule that
/// builds a record. The list is PyTorch's for `weights_only`, with what training scripts add around a state dict.
enum AllowedGlobal: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildTensorV3
    case rebuildParameter
    case rebuildParameterWithState
    case rebuildFromType
    case storage(ElementType?)
    case elementType(ElementType)
    case size
    case encode
    case numPyScalar
    case numPyType
    case list
    case tuple
    case dictionary
    case byteArray
    /// A type that may be named, or whose objects are read over.
    case opaque(String)

    /// The rule for a name, or nil where it must be refused.
    static func find(module: String, name: String) -> AllowedGlobal? {
        if let rule = exact["\(module).\(name)"] { return rule }
        if module == "torch" || module == "torch.cuda" {
            if let type = ElementType.torchStorages[name] { return .storage(type) }
            if module == "torch", let type = ElementType.torchDTypes[name] { return .elementType(type) }
        }
        // Settings objects of Lightning checkpoints. A dotted name could reach through a module to something else.
        let root = module.prefix { $0 != "." }
        if ["omegaconf", "pytorch_lightning", "lightning", "lightning_fabric"].contains(root), !name.contains(".") {
            return .opaque("\(module).\(name)")
        }
        return nil
    }

    private static let exact: [String: AllowedGlobal] = {
        var rules: [String: AllowedGlobal] = [
            "collections.OrderedDict": .orderedDictionary,
            "torch._utils._rebuild_tensor": .rebuildTensor,
            "torch._utils._rebuild_tensor_v2": .rebuildTensor,
            "torch._utils._rebuild_tensor_v3": .rebuildTensorV3,
            "torch._utils._rebuild_parameter": .rebuildParameter,
            "torch._utils._rebuild_parameter_with_state": .rebuildParameterWithState,
            "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
            "torch.storage.UntypedStorage": .storage(nil),
            "torch.UntypedStorage": .storage(nil),
            "torch.Size": .size,
            "_codecs.encode": .encode,
            "numpy.core.multiarray.scalar": .numPyScalar,
            "numpy._core.multiarray.scalar": .numPyScalar,
            "numpy.dtype": .numPyType,
        ]
        for module in ["builtins", "__builtin__"] {
            rules["\(module).list"] = .list
            rules["\(module).tuple"] = .tuple
            rules["\(module).dict"] = .dictionary
            rules["\(module).bytearray"] = .byteArray
            for name in ["set", "frozenset", "complex", "int", "long", "float", "str", "unicode", "bool", "bytes"] {
                rules["\(module).\(name)"] = .opaque("\(module).\(name)")
            }
        }
        for name in [
            "argparse.Namespace", "collections.Counter", "collections.defaultdict", "pathlib.PosixPath",
            "pathlib.PurePosixPath", "pathlib.WindowsPath", "pathlib.Path", "typing.Any", "torch.device",
            "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.Parameter", "torch.serialization._get_layout",
            "torch.strided", "numpy.ndarray", "numpy.core.multiarray._reconstruct",
            "numpy._core.multiarray._reconstruct",
        ] {
            rules[name] = .opaque(name)
        }
        return rules
    }()
}
