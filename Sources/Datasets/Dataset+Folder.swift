import Files
import Tensors

/// Where the prompts of a folder's images come from.
public enum FolderPrompts: String, CaseIterable, Sendable {
    /// There are none.
    case none
    /// The text file beside each image that has its name: `a.txt` of `a.png`.
    case txt
    /// The image's name: its underscores are blanks, and its ending is left out.
    case name
}

/// A folder that was read as a table, and what the table depends on beside the images.
public struct FolderTable {
    /// A row an image, sorted by the bytes of its path below the folder.
    public let dataset: Dataset
    /// The SHA-256 of the images' paths, in their order.
    public let sha256: String
    /// The text files that were read.
    public let texts: [(path: String, sha256: String)]
}

extension Dataset {
    /// The endings of files that a folder's tables list.
    public static let imageEndings = ["png", "jpg", "jpeg"]
    /// The largest text file beside an image, in bytes.
    static let textLimit = 1 << 16

    /// Reads a folder, and those below it, as a table of images without labels.
    /// - Parameters:
    ///   - path: the folder.
    ///   - pattern: which of the images, all where nil; see `Glob`.
    ///   - prompts: where their prompts come from.
    ///   - image: the name of the column of paths below the folder.
    ///   - prompt: the name of the column of prompts.
    ///   - limit: the most images.
    /// - Throws: `FileError` for a folder or a text file that cannot be read, and for a bad pattern; `DatasetError.value` where
    ///   there is no image, or where images lack their text files, which it names.
    public static func folder(
        path: String, pattern: Glob? = nil, prompts: FolderPrompts = .none, image: String = "path",
        prompt: String = "prompt", limit: Int = FolderListing.limit
    ) throws -> FolderTable {
        let files = try FolderListing.files(below: path, limit: limit, check: Cancellation.check) { file in
            imageEndings.contains(Paths.ending(file)) && pattern?.matches(file) ?? true
        }
        guard !files.isEmpty else {
            let named = pattern.map { " that fits the pattern \(excerpt($0.text))" } ?? ""
            throw DatasetError.value(
                operation: path,
                message: "there is no image (\(imageEndings.joined(separator: ", ")))\(named) below this folder")
        }
        var texts: [(path: String, sha256: String)] = []
        let captions: [String?]
        switch prompts {
        case .none: captions = []
        case .name: captions = files.map { Paths.withoutEnding(Paths.name($0)).replacing("_", with: " ") }
        case .txt: captions = try self.texts(beside: files, in: path, read: &texts)
        }
        let rows = files.indices.map { prompts == .none ? [files[$0]] : [files[$0], captions[$0]] }
        let dataset = try Dataset.table(
            name: path, columns: prompts == .none ? [image] : [image, prompt], rows: rows, imageDirectory: path,
            image: image,
            prompt: prompts == .none ? nil : prompt)
        return FolderTable(
            dataset: dataset, sha256: SHA256.hex(of: files.joined(separator: "\0")), texts: texts)
    }

    /// The texts beside some images, without the blanks around them.
    private static func texts(
        beside files: [String], in folder: String, read: inout [(path: String, sha256: String)]
    ) throws -> [String?] {
        var missing: [String] = []
        var texts: [String?] = []
        for (index, file) in files.enumerated() {
            if index % 1024 == 0 { try Cancellation.check() }
            let path = Paths.joined(folder, Paths.withoutEnding(file) + ".txt")
            do {
                let content = try FileReader.data(path, limit: textLimit)
                let text = try content.withUnsafeBytes { try FileReader.text($0, name: path) }
                let trimmed = text.trimming { $0.isWhitespace }
                guard !trimmed.isEmpty else {
                    throw FileError.malformed(path: path, location: "", reason: "it holds no prompt")
                }
                read.append((path, SHA256.hex(of: content)))
                texts.append(String(trimmed))
            } catch FileError.missing {
                missing.append(file)
            }
        }
        guard missing.isEmpty else {
            let shown = missing.prefix(20).joined(separator: ", ") + (missing.count > 20 ? ", …" : "")
            throw DatasetError.value(
                operation: folder,
                message: "\(missing.count) of \(files.count) images have no .txt file beside them: \(shown)")
        }
        return texts
    }
}

extension String {
    /// The text between the first and the last character that are not of a kind.
    fileprivate func trimming(_ isOuter: (Character) -> Bool) -> Substring {
        var rest = self[...]
        while let first = rest.first, isOuter(first) { rest.removeFirst() }
        while let last = rest.last, isOuter(last) { rest.removeLast() }
        return rest
    }
}
