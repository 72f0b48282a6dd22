-- Every method of every class refuses every other object, closed ones, and nothing.
-- expect: 0 refused
local tensor, image, dataset, metric = require "chexgen.tensor", require "chexgen.image", require "chexgen.dataset",
  require "chexgen.metric"
local function objects()
  local ds = dataset.images { "a.png" }
  return { Tensor = tensor.ones { 2, 2 }, Generator = tensor.generator(1), Image = image.from_tensor(tensor.zeros({ 2, 2 }, "u8")),
    Dataset = ds, Row = ds[1], Moments = metric.moments(2) }
end
local methods = {
  Tensor = { "shape", "size", "dim", "numel", "dtype", "item", "totable", "clone", "to", "allclose", "reshape", "expand",
    "permute", "transpose", "select", "narrow", "index", "masked_select", "squeeze", "unsqueeze", "contiguous", "eq", "ne", "lt",
    "le", "gt", "ge", "abs", "exp", "log", "sqrt", "sigmoid", "tanh", "relu", "gelu", "silu", "pow", "clamp", "softmax",
    "log_softmax", "cumsum", "sum", "mean", "prod", "std", "var", "norm", "max", "min", "argmax", "argmin", "sort", "topk",
    "all", "any", "matmul", "eigh", "svd", "qr", "cholesky", "solve", "inv", "det", "trace" },
  Image = { "resize", "crop", "center_crop", "flip", "rotate", "convert", "tensor" },
  Dataset = { "unique", "filter", "with_label", "where_in", "dropna", "sample", "split", "shard", "head", "select", "concat",
    "column", "image_paths", "patients", "positions", "labels_tensor", "rows", "write" },
  Moments = { "update", "merge", "save", "mean", "covariance" },
}
local junk = { nil, true, 0, 1.5, "x", {}, print, coroutine.create(print), io.stdout, math.mininteger, 0 / 0 }
for class, names in pairs(methods) do
  for _, name in ipairs(names) do
    local own = objects()[class]
    local method = own[name]
    assert(type(method) == "function", class .. ":" .. name)
    for other, object in pairs(objects()) do
      if other ~= class then
        local ok, reason = pcall(method, object)
        assert(not ok and tostring(reason):find("wanted " .. class, 1, true), class .. ":" .. name .. " took a " .. other)
      end
    end
    for index = 1, 11 do
      assert(not pcall(method, junk[index]), class .. ":" .. name)
      -- Whatever this does, it must not crash.
      pcall(method, own, junk[index])
      pcall(method, own, junk[index], junk[index], junk[index])
    end
    for _, object in pairs(objects()) do pcall(method, own, object) end
    local closed = objects()[class]
    closed:close()
    closed:close()
    local ok, reason = pcall(method, closed)
    assert(not ok and tostring(reason):find("closed", 1, true), class .. ":" .. name .. " works after close")
  end
end
print("refused")
