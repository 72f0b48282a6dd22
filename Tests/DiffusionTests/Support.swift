import Checkpoints
import Diffusion
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// A value for a parameter, by its name and shape, as the script's `weight` gives it.
func weight(_ key: String, _ shape: [Int]) throws -> Tensor {
    try Tensor(weightValues(key, shape), shape: shape)
}

/// |a - b| / |b|; infinite where the shapes differ. Of a large image, `wanted` has every ninth row.
func relativeError(_ found: Tensor, _ wanted: Tensor) throws -> Double {
    var found = found
    if found.rank == 4, found.shape[1] * found.shape[2] > 2000 {
        found = try Tensor.cat(
            stride(from: 0, to: found.shape[1], by: 9).map { try found.narrow(1, $0, 1) }, axis: 1)
    }
    guard found.shape == wanted.shape, found.dtype == .f32 else { return .infinity }
    return relativeError(try found.array(Float.self), try wanted.array(Float.self))
}

/// One network of Tests/Parity/generators/diffusion_networks.py: what its folder holds, and what diffusers answers.
struct ReferenceNetwork {
    let name: String
    /// `config.json`.
    var config: JSON
    /// Inputs and sizes as the script wrote them.
    let facts: JSON
    /// The tensors of its checkpoint.
    var tensors: [(name: String, tensor: Tensor)]
    private static let fixtures = Places.fixtures("diffusion")

    /// A network of the script by its kind, `unet` or `vae`, and name.
    init(_ kind: String, _ name: String) throws {
        let document = try JSON.read(Self.fixtures + "/networks.json")
        guard let facts = document[kind]?[name], let config = facts["config"], let tree = facts["tensors"] else {
            throw FileError.missing(path: "networks.json", hint: "it has no \(kind) \"\(name)\"")
        }
        self.name = "\(kind)-\(name)"
        self.config = config
        self.facts = facts
        tensors = []
        try add(tree, "")
    }

    /// The names of the script's networks of a kind.
    static func names(_ kind: String) throws -> [String] {
        try JSON.read(fixtures + "/networks.json")[kind]?.object?.map(\.key) ?? []
    }

    private mutating func add(_ tree: JSON, _ name: String) throws {
        if let shape = tree.array {
            tensors.append((name, try weight(self.name + "." + name, shape.compactMap(\.integer))))
        }
        for (key, value) in tree.object ?? [] { try add(value, name.isEmpty ? key : name + "." + key) }
    }

    /// The whole numbers of a list that the script wrote.
    func numbers(_ key: String) -> [Int] { facts[key]?.array?.compactMap(\.integer) ?? [] }

    /// An input by formula.
    func input(_ key: String, _ shape: [Int]) throws -> Tensor {
        try Tensor(uniform(name + "." + key, shape, -1.7, 1.7), shape: shape)
    }

    /// What diffusers answers; `key` says which of several answers.
    func expected(_ key: String? = nil) throws -> Tensor {
        try Checkpoint.open(Self.fixtures + "/networks.safetensors")[key.map { name + "." + $0 } ?? name]
    }

    /// A new folder in diffusers' layout with this network.
    func folder() throws -> Scratch {
        let folder = try Scratch()
        try write(folder)
        return folder
    }

    /// Writes the network into a folder, over what is there.
    func write(_ folder: Scratch) throws {
        try config.text().write(toFile: folder.path + "/config.json", atomically: true, encoding: .utf8)
        try SafeTensors.write(folder.path + "/diffusion_pytorch_model.safetensors", tensors, metadata: ["format": "pt"])
    }

    /// Sets a key of the config.
    mutating func set(_ key: String, _ value: JSON) {
        config = .object((config.object ?? []).filter { $0.key != key } + [(key, value)])
    }
}

extension ReferenceNetwork {
    /// What a denoiser that reads a text is given: latents, the text's states with their mask, and a timestep.
    func captionedInputs() throws -> (latents: Tensor, Conditioning, timestep: Float) {
        let shape = numbers("latents")
        let (tokens, seen) = (facts["tokens"]?.integer ?? 0, numbers("seen"))
        let marks = seen.flatMap { count in (0..<tokens).map { Int64($0 < count ? 1 : 0) } }
        let width = config["caption_channels"]?.integer ?? 0
        return (
            try input("latents", shape + [facts["channels"]?.integer ?? 0]),
            Conditioning(
                states: try input("context", [shape[0], tokens, width]),
                mask: try Tensor(marks, shape: [shape[0], tokens])),
            Float(facts["timestep"]?.number ?? -1)
        )
    }

    /// What opening the network says after a change to it, which `folder` then holds.
    func fault(
        in folder: Scratch, _ change: (inout ReferenceNetwork) throws -> Void,
        open: (String) throws -> Void
    ) throws -> String {
        var changed = self
        try change(&changed)
        try changed.write(folder)
        return message { try open(folder.path) }
    }
}
