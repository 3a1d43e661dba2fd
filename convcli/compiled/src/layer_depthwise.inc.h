/* A depthwise layer, for one type of VALUE: each channel has its own window of weights. Taps that read padding are
   left out, so nothing is copied.

   A row of weights holds those of one tap for all channels, then again from the first channel on, so that a vector may
   begin at any channel; the last row is the bias. Each output adds its products in the order of the window. */
enum { TYPED(OUTPUTS) = 6 };

/* Compute a vector of channels for `count` outputs: their windows lie `step` apart, the first begins at `start`. */
static INLINED void TYPED(depthwise_vectors)(const struct layer *layer, const struct layer_taps *taps, ptrdiff_t start,
                                             ptrdiff_t step, ptrdiff_t channel, VALUE *result, ptrdiff_t result_step,
                                             const int count)
{
    TYPED(vector) totals[TYPED(OUTPUTS)] = {{0}}, weight, value;
    ptrdiff_t down = layer->dilation_down * layer->input.row_distance;
    ptrdiff_t across = layer->dilation_across * layer->input.pixel_distance;
    ptrdiff_t weight_row = layer->target.channels + TYPED(BLOCK);
    const VALUE *weights = (const VALUE *)layer->weights + channel, *values = layer->input.values;
    for (ptrdiff_t y = taps->top; y < taps->bottom; y++)
        for (ptrdiff_t x = taps->left; x < taps->right; x++) {
            const VALUE *activations = values + (start + y * down + x * across);
            memcpy(&weight, weights + (y * layer->window_width + x) * weight_row, sizeof weight);
            UNROLLED for (int output = 0; output < count; output++) {
                memcpy(&value, activations + output * step, sizeof value);
                totals[output] += weight * value;
            }
        }
    memcpy(&weight, weights + layer->window_height * layer->window_width * weight_row, sizeof weight);
    UNROLLED for (int output = 0; output < count; output++) {
        totals[output] += weight;
        memcpy(result + output * result_step, &totals[output], sizeof weight);
    }
}

static void TYPED(depthwise_value)(const struct layer *layer, const struct layer_taps *taps, ptrdiff_t start,
                                   ptrdiff_t channel, VALUE *result)
{
    ptrdiff_t weight_row = layer->target.channels + TYPED(BLOCK);
    const VALUE *weights = (const VALUE *)layer->weights + channel, *values = layer->input.values;
    VALUE total = 0;
    for (ptrdiff_t y = taps->top; y < taps->bottom; y++)
        for (ptrdiff_t x = taps->left; x < taps->right; x++)
            total += weights[(y * layer->window_width + x) * weight_row]
                     * values[start + y * layer->dilation_down * layer->input.row_distance
                              + x * layer->dilation_across * layer->input.pixel_distance];
    *result = total + weights[layer->window_height * layer->window_width * weight_row];
}

/* Columns `first` to before `end` of a row of outputs, which all use the same taps; the window of column 0 begins at
   `start`. The last vector of channels, or of a line, may compute some values again. */
static void TYPED(depthwise_columns)(const struct layer *layer, const struct layer_taps *taps, ptrdiff_t start,
                                     VALUE *results, ptrdiff_t first, ptrdiff_t end)
{
    ptrdiff_t channels = layer->target.channels, result_step = layer->target.pixel_distance;
    ptrdiff_t step = layer->stride_across * layer->input.pixel_distance, line = (end - first) * channels;
    if (channels >= TYPED(LANES))
        for (ptrdiff_t column = first, count; column < end; column += count) {
            count = column + TYPED(OUTPUTS) <= end ? TYPED(OUTPUTS) : 1;
            for (ptrdiff_t next = 0; next < channels; next += TYPED(LANES)) {
                ptrdiff_t channel = next + TYPED(LANES) <= channels ? next : channels - TYPED(LANES);
                ptrdiff_t pixel = start + column * step + channel;
                VALUE *result = results + column * result_step + channel;
                if (count == TYPED(OUTPUTS))
                    TYPED(depthwise_vectors)(layer, taps, pixel, step, channel, result, result_step, TYPED(OUTPUTS));
                else
                    TYPED(depthwise_vectors)(layer, taps, pixel, step, channel, result, result_step, 1);
            }
        }
    else if (step == channels && result_step == channels && line >= TYPED(LANES)) /* vectors span pixels */
        for (ptrdiff_t next = 0; next < line; next += TYPED(LANES)) {
            ptrdiff_t at = next + TYPED(LANES) <= line ? next : line - TYPED(LANES);
            TYPED(depthwise_vectors)(layer, taps, start + first * step + at, 0, at % channels,
                                     results + first * step + at, 0, 1);
        }
    else
        for (ptrdiff_t column = first; column < end; column++)
            for (ptrdiff_t channel = 0; channel < channels; channel++)
                TYPED(depthwise_value)(layer, taps, start + column * step + channel, channel,
                                       results + column * result_step + channel);
}

static void TYPED(depthwise)(const struct layer *layer)
{
    const struct layer_array *input = &layer->input, *target = &layer->target;
    for (ptrdiff_t image = 0; image < target->images; image++)
        for (ptrdiff_t row = 0; row < target->height; row++) {
            struct layer_taps taps;
            ptrdiff_t top = layer->top + row * layer->stride_down, column = 0, end;
            ptrdiff_t start = image * input->image_distance + top * input->row_distance
                              + layer->left * input->pixel_distance;
            VALUE *results = (VALUE *)target->values + image * target->image_distance + row * target->row_distance;
            layer_taps_inside(top, input->height, layer->window_height, layer->dilation_down, &taps.top, &taps.bottom);
            for (; column < target->width; column = end) {
                ptrdiff_t left = layer->left + column * layer->stride_across;
                layer_taps_inside(left, input->width, layer->window_width, layer->dilation_across, &taps.left,
                                  &taps.right);
                end = column + 1;
                if (taps.left == 0 && taps.right == layer->window_width) { /* and the columns behind it, too */
                    ptrdiff_t space = input->width - 1 - (layer->window_width - 1) * layer->dilation_across - left;
                    end += space / layer->stride_across;
                    end = end < target->width ? end : target->width;
                }
                TYPED(depthwise_columns)(layer, &taps, start, results, column, end);
            }
        }
}
