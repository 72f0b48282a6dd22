import Tensors

/// A network that a LoRA may change.
public struct LoRATarget {
    /// What a pipeline calls it: `unet`, `text_encoder_2`.
    public let part: String
    private let isTextEncoder: Bool
    /// The shapes of the layers that have weights, by their names; and their names with underscores for dots.
    private let shapes: [String: [Int]]
    private let flat: [String: String]
    /// The layers, in order.
    let layers: [String]

    /// Describes a network by the names and shapes of its parameters.
    public init(part: String, isTextEncoder: Bool, parameters: [(name: String, shape: [Int])]) {
        self.part = part
        self.isTextEncoder = isTextEncoder
        let ending = ".weight"
        let found = parameters.compactMap { name, shape -> (name: String, shape: [Int])? in
            guard name.hasSuffix(ending), shape.count == 2 || shape.count == 4 else { return nil }
            return (String(name.dropLast(ending.count)), shape)
        }
        layers = found.map(\.name)
        shapes = Dictionary(found.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        flat = Dictionary(
            found.map { ($0.name.replacing(".", with: "_"), $0.name) }, uniquingKeysWith: { first, _ in first })
    }

    /// The shape of a layer's weights.
    func shape(_ layer: String) -> [Int] { shapes[layer] ?? [] }

    /// Whether a layer may be of this network.
    private func mayHave(_ part: LoRAPlace.Part) -> Bool {
        switch part {
        case .any: return true
        case .denoiser: return !isTextEncoder
        case .someTextEncoder: return isTextEncoder
        case .textEncoder(let number): return self.part == (number == 1 ? "text_encoder" : "text_encoder_\(number)")
        }
    }

    /// The layers that a LoRA's layer changes here, and how their rows follow each other; nil where there are none.
    func layers(of place: LoRAPlace) -> (layers: [String], rows: PublishedName.Rows)? {
        guard mayHave(place.part) else { return nil }
        for name in names(place) {
            if let layer = place.isFlat ? flat[name] : (shapes[name] == nil ? nil : name) { return ([layer], .same) }
        }
        for published in PublishedName.all {
            guard let number = published.number(in: place.module, isFlat: place.isFlat) else { continue }
            let layers = published.layers.map { $0.replacing("#", with: number) }
            if layers.allSatisfy({ shapes[$0] != nil }) { return (layers, published.rows) }
        }
        return nil
    }

    /// Beginnings that files of transformers have and our networks do not.
    private static let wrappers = ["text_model.", "model.", "bert.", "language_model."]
    /// Endings of old files of diffusers, and what they became.
    private static let oldEndings = [
        ("to_q", "q_proj"), ("to_k", "k_proj"), ("to_v", "v_proj"), ("to_out", "out_proj"), ("to_out", "to_out.0"),
    ]

    /// The names that a layer may have here.
    private func names(_ place: LoRAPlace) -> [String] {
        var names = [place.module]
        for wrapper in Self.wrappers {
            let wrapper = place.isFlat ? wrapper.replacing(".", with: "_") : wrapper
            if place.module.hasPrefix(wrapper) { names.append(String(place.module.dropFirst(wrapper.count))) }
        }
        if place.isFlat { return names }
        for name in names {
            for (old, new) in Self.oldEndings where name.hasSuffix("." + old) {
                names.append(name.dropLast(old.count) + new)
            }
        }
        return names
    }
}

/// What a LoRA changes of a network.
public struct LoRAMatch {
    /// The network, as a `LoRATarget` calls it.
    public let part: String
    /// The name of the parameter.
    public let parameter: String
    /// What is added to it.
    public let update: LowRankUpdate
}

extension LoRA {
    /// What the file changes of some networks; everything in it must fit.
    /// - Throws: `CheckpointError.adapter` where a layer is in none of them, or in several, or of another shape;
    ///   `FileError` where two layers of the file are one of the network's.
    public func matches(_ targets: [LoRATarget]) throws -> [LoRAMatch] {
        var report = LoRAReport(path: path, layers: layers.count, targets: targets)
        var matches: [LoRAMatch] = []
        var changed: [String: String] = [:]
        let places = layers.map { layer in
            targets.compactMap { target in
                target.layers(of: layer.place).map { Place(layer, target, $0.layers, $0.rows) }
            }
        }
        let meant = Self.meant(places)
        for (layer, found) in zip(layers, places) {
            let fitting = found.filter(\.fits)
            let named = fitting.count > 1 ? fitting.filter { $0.target.part == meant } : fitting
            // Where no part's shape fits, the first tells what would.
            guard let place = named.first ?? (fitting.isEmpty ? found.first : nil), named.count < 2 else {
                report.add(layer, parts: fitting.map(\.target.part))
                continue
            }
            let (target, names, order, shapes) = (place.target, place.names, place.order, place.shapes)
            guard place.fits else {
                report.add(layer, "\(target.part).\(names.joined(separator: " + "))", shapes)
                continue
            }
            var first = 0
            for (name, shape) in zip(names, shapes) {
                if let other = changed.updateValue(layer.down, forKey: target.part + "." + name) {
                    throw Self.fault(checkpoint, layer.down, "it changes \(target.part).\(name), as \"\(other)\" does")
                }
                let rows = first..<first + shape[0]
                let middle = first + shape[0] / 2
                let isSwapped = order == .swapped || order == .swappedPair && shape[0] == 2 * shape[1]
                matches.append(
                    LoRAMatch(
                        part: target.part, parameter: name + ".weight",
                        update: LowRankUpdate(
                            self, layer, rows: isSwapped ? [middle..<rows.upperBound, first..<middle] : [rows])))
                first = rows.upperBound
            }
        }
        guard report.isClean else { throw CheckpointError.adapter(report) }
        return matches
    }

    /// Where a layer may belong.
    private struct Place {
        let target: LoRATarget
        let names: [String]
        let order: PublishedName.Rows
        let shapes: [[Int]]
        let fits: Bool

        init(_ layer: Layer, _ target: LoRATarget, _ names: [String], _ order: PublishedName.Rows) {
            (self.target, self.names, self.order) = (target, names, order)
            shapes = names.map(target.shape)
            fits = LoRA.fits(layer, shapes)
        }
    }

    /// The part that fits every layer whose name several parts have: a file without names of parts is about one of two
    /// text encoders. Layers that only one of them has count as well. Nil where there are several such parts, or none.
    private static func meant(_ places: [[Place]]) -> String? {
        let doubtful = Set(places.filter { $0.count > 1 }.joined().map(\.target.part))
        let theirs = places.filter { found in
            !found.isEmpty && found.allSatisfy { doubtful.contains($0.target.part) }
        }
        let all = theirs.reduce(doubtful) { $0.intersection($1.filter(\.fits).map(\.target.part)) }
        return all.count == 1 ? all.first : nil
    }

    /// Whether a product has the shape of some weights on top of each other.
    private static func fits(_ layer: Layer, _ shapes: [[Int]]) -> Bool {
        func kernel(_ shape: [Int]) -> [Int] {
            shape.count == 4 && shape.suffix(2) == [1, 1] ? [shape[1]] : Array(shape.dropFirst())
        }
        let inputs = kernel(layer.downShape)
        return shapes.allSatisfy { kernel($0) == inputs } && shapes.reduce(0) { $0 + $1[0] } == layer.upShape[0]
    }
}

/// How a LoRA and the networks that it shall change differ.
public struct LoRAReport: Equatable, CustomStringConvertible, Sendable {
    /// The file or folder.
    public let path: String
    /// How many layers the file has.
    public let layers: Int
    /// Layers of the file that no network has, by the name of a tensor.
    public private(set) var unmatched: [String] = []
    /// Layers of another shape than the network's.
    public private(set) var wrongShapes: [String] = []
    /// Layers that several networks have.
    public private(set) var ambiguous: [String] = []
    private let parts: [String]
    private let example: String?

    fileprivate init(path: String, layers: Int, targets: [LoRATarget]) {
        self.path = path
        self.layers = layers
        parts = targets.map(\.part)
        example = targets.first.flatMap { target in
            target.layers.dropFirst(target.layers.count / 2).first.map { "\(target.part).\($0)" }
        }
    }

    fileprivate var isClean: Bool { unmatched.isEmpty && wrongShapes.isEmpty && ambiguous.isEmpty }

    fileprivate mutating func add(_ layer: LoRA.Layer, parts: [String]) {
        if parts.isEmpty {
            unmatched.append(layer.down)
        } else {
            ambiguous.append("\(layer.down) (\(parts.joined(separator: ", ")))")
        }
    }

    fileprivate mutating func add(_ layer: LoRA.Layer, _ name: String, _ shapes: [[Int]]) {
        let product = [layer.upShape[0]] + layer.downShape.dropFirst()
        let wanted = shapes.map { Tensor.text($0) }.joined(separator: " + ")
        wrongShapes.append("\(layer.down) (\(Tensor.text(product)), \(name) is \(wanted))")
    }

    /// The most names of one kind that are listed: those of the largest models fit in.
    private static let mostNames = 1000

    /// Counts, and the names of each kind.
    public var description: String {
        let matched = layers - unmatched.count - wrongShapes.count - ambiguous.count
        var lines = ["\(path): the LoRA does not fit: matched \(matched) of \(layers) layers"]
        func list(_ title: String, _ items: [String]) {
            if items.isEmpty { return }
            let rest = items.count > Self.mostNames ? " and \(items.count - Self.mostNames) more" : ""
            lines.append("  \(items.count) \(title): " + items.prefix(Self.mostNames).joined(separator: ", ") + rest)
        }
        list("match nothing in \(parts.isEmpty ? "the model" : parts.joined(separator: ", "))", unmatched)
        list("of another shape", wrongShapes)
        list("in several parts, of which the option `part` names one", ambiguous)
        if matched == 0, ambiguous.isEmpty {
            let name = example.map { "; a layer of it is called \($0)" } ?? ""
            lines.append("  it was made for another model, or its names are of no scheme that is known\(name)")
        } else if !wrongShapes.isEmpty {
            lines.append("  it was made for another model")
        }
        return lines.joined(separator: "\n")
    }
}
