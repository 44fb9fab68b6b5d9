import type { Dataset } from "../data/dataset.js";
import { badInput } from "../errors.js";
import type { Model } from "./model.js";

/** Bad input: data with another number of classes than the model's. */
export function checkClasses({ dir, classNames }: Dataset, { config, classNames: trained }: Model): void {
  const { classes } = config.model;
  if (classNames.length === classes) return;
  throw badInput(
    `${dir} has ${classNames.length} classes (${classNames.join(", ")}) but the run was trained on ${classes} ` +
      `(${trained.join(", ")}); evaluate on data with the same classes`,
  );
}

/** Bad input: images with another number of channels than the model's. */
export function checkChannels({ dir, channelNames }: Dataset, { config }: Model): void {
  const { inputChannels } = config.model;
  if (channelNames.length === inputChannels) return;
  throw badInput(
    `${dir}: images have ${channelNames.length} channels (${channelNames.join(", ")}) but the run was trained on ${inputChannels}; use data with the same channels`,
  );
}
