import Datasets
import Files

/// An image as a table or a list names it.
public struct ImageSource: Equatable, Sendable {
    /// The file; empty where a table's cell is a null.
    public let path: String
    /// What is wrong with the row before any file is looked at.
    public let fault: String?

    /// An image file.
    public init(_ path: String) {
        self.path = path
        fault = nil
    }

    private init(fault: String) {
        path = ""
        self.fault = fault
    }

    /// The images of a table, in order. A row without an image is one with a fault: a bad image like any other.
    /// - Throws: `DatasetError` where no image column was named; `FileError` where the file was changed.
    public static func all(of dataset: Dataset) throws -> [ImageSource] {
        try (0..<dataset.count).map { row in
            do {
                return ImageSource(try dataset.imagePath(row))
            } catch let error as DatasetError {
                guard case .row = error else { throw error }
                return ImageSource(fault: String(describing: error))
            }
        }
    }
}

/// An image that is left out, or stops a run.
public struct BadImage: Equatable, Sendable {
    /// Its place among the images, counted from 0.
    public let index: Int
    /// The file; empty where a table's cell is a null.
    public let path: String
    /// What is wrong; names the file or the row.
    public let reason: String

    /// A bad image.
    public init(index: Int, path: String, reason: String) {
        (self.index, self.path, self.reason) = (index, path, reason)
    }
}

/// Some images are bad; lists all of them.
public struct BadImages: InputFault, CustomStringConvertible {
    /// In the order of the images.
    public let images: [BadImage]
    /// How many images were looked at.
    public let total: Int
    /// The most that the message lists.
    private static let most = 20

    /// The message, as users read it.
    public var description: String {
        let shown = images.prefix(Self.most).map { "\n  \($0.reason)" }.joined()
        let more = images.count > Self.most ? "\n  and \(images.count - Self.most) more" : ""
        return "\(images.count) of \(total) images cannot be used:\(shown)\(more)\n"
            + "mend or remove them, or set on_bad_image: skip to leave them out and have them listed"
    }
}
