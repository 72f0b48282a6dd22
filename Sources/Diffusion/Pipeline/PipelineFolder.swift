import Checkpoints
import Files
import Foundation
import Tokenizers

/// Where the parts of a pipeline lie: a folder in diffusers' layout, or parts from several places.
public struct PipelineFolder {
    /// The class of pipelines, where it is named.
    public let className: String?
    /// Where the parts are, by name; the scheduler is none of them.
    private let places: [String: String]
    /// The classes of the parts, where they are named.
    private let classes: [String: String]
    /// The scheduler's options.
    public let scheduler: JSON
    /// What errors about `scheduler` call it.
    public let schedulerName: String
    /// Ids of a text, where the tokenizer does not say it.
    public var textLength: Int?
    /// `model_index.json`, where there is one.
    private let index: String?

    /// Reads `model_index.json` of a folder.
    /// - Throws: `FileError` where the index or the scheduler's options are missing or damaged.
    public init(_ folder: String) throws {
        let path = folder + "/model_index.json"
        guard FileManager.default.fileExists(atPath: path) else {
            throw FileError.missing(path: path, hint: "a pipeline's folder holds one, in diffusers' layout")
        }
        let json = try JSON.read(path, limit: 1 << 20)
        let reader = try ConfigurationReader(path: path, json)
        let named = try reader.string("_class_name", default: "")
        className = named.isEmpty ? nil : named
        var (places, classes) = ([String: String](), [String: String]())
        for (key, value) in json.object ?? [] where !key.hasPrefix("_") && key != "scheduler" {
            // [null, null] is a part that the pipeline does without; other values are no parts.
            guard let name = value[1]?.string else { continue }
            places[key] = "\(folder)/\(key)"
            classes[key] = name
        }
        self.places = places
        self.classes = classes
        guard json["scheduler"]?[1]?.string != nil else {
            throw reader.fault(
                "scheduler", "wanted [library, class], got \(json["scheduler"]?.text() ?? "nothing")")
        }
        schedulerName = folder + "/scheduler/scheduler_config.json"
        scheduler = try JSON.read(schedulerName, limit: 1 << 24, allowsNonFinite: true)
        index = path
    }

    /// A pipeline whose parts lie in several places, each a folder or a Hub name found in the local cache. A folder within
    /// a Hub repository stands behind its name: `microsoft/radedit/unet`.
    /// - Parameters:
    ///   - className: the class of pipelines; nil is the registry's default.
    ///   - places: of the parts, by name.
    ///   - scheduler: the options of the scheduler, its `_class_name` among them.
    public init(className: String? = nil, places: [String: String], scheduler: JSON) {
        self.className = className
        self.places = places
        classes = [:]
        self.scheduler = scheduler
        schedulerName = "scheduler"
        index = nil
    }

    /// The folder of a part that must be there.
    /// - Parameter file: a file that it holds; nil where its name varies.
    /// - Throws: `FileError` where the pipeline has no such part; `CheckpointError.notFound` where it is nowhere.
    public func place(_ part: String, file: String? = "config.json") throws -> String {
        guard let place = places[part] else {
            throw fault(part, "the pipeline wants this part, and it is missing")
        }
        if index != nil { return place }
        return try Self.locate(place, file: file)
    }

    /// Whether there is a part.
    public func has(_ part: String) -> Bool { places[part] != nil }

    /// The class that the index names for a part; nil where it names none.
    public func partClass(_ part: String) -> String? { classes[part] }

    /// Refuses parts that would change the pictures and that the pipeline does not have, and parts that are missing.
    /// - Parameters:
    ///   - known: the parts that it has.
    ///   - optional: those of them that may be missing.
    ///   - ignored: parts that change no picture.
    /// - Throws: `FileError.malformed` naming the part.
    public func refuseParts(beside known: Set<String>, optional: Set<String> = [], ignored: Set<String>) throws {
        if let missing = known.subtracting(optional).sorted().first(where: { places[$0] == nil }) {
            throw fault(missing, "the pipeline wants this part, and it is missing")
        }
        if let other = places.keys.sorted().first(where: { !known.contains($0) && !ignored.contains($0) }) {
            throw fault(other, "a part that the pipeline does not have")
        }
    }

    /// An error about a key of `model_index.json`, or of the table of parts.
    func fault(_ key: String, _ reason: String) -> FileError {
        .malformed(path: index ?? "pipeline", location: "\"\(key)\"", reason: reason)
    }

    /// The files of the tokenizers and the scheduler that are there, with their SHA-256.
    public func smallFiles() throws -> [(file: String, sha256: String)] {
        let tokenizers = try places.keys.filter { $0.hasPrefix("tokenizer") }.sorted().map { try place($0, file: nil) }
        let paths =
            tokenizers.flatMap { TokenizerRegistry.files(of: $0) }
            + [index, index == nil ? nil : schedulerName].compactMap { $0 }
        return try SHA256.files(paths.filter(FileManager.default.fileExists(atPath:)))
    }

    /// The folder of a part, in which `file` must lie where one is named.
    private static func locate(_ place: String, file: String?) throws -> String {
        var name = place
        var wanted = file
        // The third and later words of a Hub name are a folder in the repository; "@revision" belongs to the second.
        let words = place.split(separator: "/", omittingEmptySubsequences: false)
        let isPath = place.hasPrefix("/") || place.hasPrefix(".") || place.hasPrefix("~")
        if words.count > 2, !isPath, !FileManager.default.fileExists(atPath: place) {
            name = words[..<2].joined(separator: "/")
            wanted = (words[2...].map(String.init) + [file].compactMap { $0 }).joined(separator: "/")
        }
        let found = try HubCache.locate(name, file: wanted)
        return file.map { String(found.dropLast($0.utf8.count + 1)) } ?? found
    }
}
