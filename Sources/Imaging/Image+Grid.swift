extension Image {
    /// Images of one size and mode side by side, filled row by row, with `padding` black pixels around each: the layout
    /// of torchvision's `make_grid(nrow=columns)`, a single image included.
    /// - Throws: `ImageError.argument` for no images, differing sizes or modes, and grids outside `ImageLimits`.
    public static func grid(_ images: [Image], columns: Int, padding: Int = 2) throws -> Image {
        guard let first = images.first else {
            throw ImageError.argument(operation: "grid", message: "wanted at least one image")
        }
        guard columns > 0, (0...ImageLimits.side).contains(padding) else {
            throw ImageError.argument(
                operation: "grid",
                message: "wanted columns above 0 and padding of 0 to \(ImageLimits.side), got \(columns) and \(padding)"
            )
        }
        for (index, image) in images.enumerated() {
            guard image.width == first.width, image.height == first.height, image.mode == first.mode,
                image.palette == first.palette
            else {
                throw ImageError.argument(
                    operation: "grid",
                    message:
                        "image \(index + 1) is \(image.width)×\(image.height) \(image.mode.rawValue), the first is "
                        + "\(first.width)×\(first.height) \(first.mode.rawValue); resize or convert it")
            }
        }
        let across = min(columns, images.count)
        let down = (images.count - 1) / across + 1
        // Counts that no image can hold are refused before they are multiplied.
        guard across <= ImageLimits.side, down <= ImageLimits.side else {
            throw ImageError.argument(operation: "grid", message: "\(images.count) images are too many for one grid")
        }
        let cellWidth = first.width + padding
        let cellHeight = first.height + padding
        let size = first.mode.bytesPerPixel
        return try first.derived(width: across * cellWidth + padding, height: down * cellHeight + padding) { target in
            let rowBytes = (across * cellWidth + padding) * size
            for (index, image) in images.enumerated() {
                let left = (index % across) * cellWidth + padding
                let top = (index / across) * cellHeight + padding
                image.withPointer { source in
                    for row in 0..<first.height {
                        (target + (top + row) * rowBytes + left * size).update(
                            from: source + row * first.bytesPerRow, count: first.bytesPerRow)
                    }
                }
            }
        }
    }
}
