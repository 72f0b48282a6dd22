import Files
import Foundation

/// What peft's configuration says about the scale of a LoRA: α / r, or α / √r; without it α is r.
struct LoRASettings {
    private var alpha: Double?
    private var alphas: [(name: String, alpha: Double)] = []
    private var isRootOfRank = false

    /// No configuration.
    init() {}

    /// Reads `adapter_config.json`, or what diffusers puts of it into a header.
    /// - Throws: `FileError.malformed` for kinds of adapters and options that are not a plain LoRA's.
    init(_ config: JSON, path: String) throws {
        func fault(_ key: String, _ reason: String) -> FileError {
            .malformed(path: path, location: key, reason: reason)
        }
        if let type = config["peft_type"]?.string, type != "LORA" {
            throw fault("peft_type", "\(type) is not supported; \(LoRA.wayOut)")
        }
        for (key, kind) in [
            ("use_dora", "DoRA"), ("fan_in_fan_out", "a transposed LoRA"), ("lora_bias", "a LoRA with biases"),
        ] where config[key] == .boolean(true) {
            throw fault(key, "\(kind) is not supported; \(LoRA.wayOut)")
        }
        func number(_ key: String, _ value: JSON) throws -> Double {
            guard let number = value.number, number.isFinite, number > 0 else {
                throw fault(key, "wanted a number above 0, got \(value.text().prefix(40))")
            }
            return number
        }
        if let value = config["lora_alpha"], value != .null { alpha = try number("lora_alpha", value) }
        for (name, value) in config["alpha_pattern"]?.object ?? [] {
            let key = "alpha_pattern.\(name.prefix(200))"
            guard name.utf8.allSatisfy(Self.isPlain) else {
                throw fault(key, "wanted the name of a layer; regular expressions are not supported")
            }
            alphas.append((name, try number(key, value)))
        }
        isRootOfRank = config["use_rslora"] == .boolean(true)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
    }

    /// What a layer's product is multiplied by.
    /// - Parameter own: the alpha that stands beside the layer's matrices; it comes before the configuration's.
    func factor(_ module: String, rank: Int, own: Double?) -> Double {
        let pattern = alphas.first { module == $0.name || module.hasSuffix("." + $0.name) }
        guard let alpha = own ?? pattern?.alpha ?? alpha else { return 1 }
        return alpha / (isRootOfRank && own == nil ? Double(rank).squareRoot() : Double(rank))
    }

    /// The settings of a file: by the name of a part, where the header of a file has them, and the others' under no name.
    /// - Parameters:
    ///   - config: the path of `adapter_config.json`; nil where there is none.
    ///   - header: the texts of the weights' header.
    static func all(config: String?, header: [String: String], path: String) throws -> [String: LoRASettings] {
        var settings: [String: LoRASettings] = [:]
        if let text = header["lora_adapter_metadata"] {
            let place = path + ": lora_adapter_metadata"
            guard let members = try JSON.parse(text, name: place).object else {
                throw FileError.malformed(path: place, location: "", reason: "wanted an object")
            }
            var parts: [String: [(key: String, value: JSON)]] = [:]
            for (key, value) in members {
                // `unet.lora_alpha`, or `lora_alpha`; no key of the configuration has a dot.
                let point = key.lastIndex(of: ".")
                let part = point.map { String(key[..<$0]) } ?? ""
                parts[part, default: []].append((point.map { String(key[key.index(after: $0)...]) } ?? key, value))
            }
            for (part, members) in parts { settings[part] = try LoRASettings(.object(members), path: place) }
        }
        if let config { settings[""] = try LoRASettings(JSON.read(config, limit: 1 << 22), path: config) }
        return settings
    }
}
