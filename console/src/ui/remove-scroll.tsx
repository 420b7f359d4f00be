import { useEffect, type ComponentPropsWithoutRef, type ElementType } from "react";

type Props = ComponentPropsWithoutRef<"div"> & {
  as?: ElementType;
  allowPinchZoom?: boolean;
  shards?: unknown;
};

let open = 0;

/**
 * Stands in for the package `react-remove-scroll` that Radix asks for (see `vite.config.ts`): the page behind a dialog or a menu
 * does not scroll. The original does it with a `<style>` of its own, which the content security policy refuses.
 */
export function RemoveScroll({ as: Element = "div", allowPinchZoom: _zoom, shards: _shards, ...rest }: Props) {
  useEffect(() => {
    open += 1;
    const { documentElement: html, body } = document;
    if (open === 1) {
      // The room of the scroll bar is kept, so that the page does not move sideways.
      body.style.paddingRight = `${window.innerWidth - html.clientWidth}px`;
      html.dataset["locked"] = "";
    }
    return () => {
      open -= 1;
      if (open > 0) return;
      body.style.paddingRight = "";
      delete html.dataset["locked"];
    };
  }, []);
  return <Element {...rest} />;
}
